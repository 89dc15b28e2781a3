import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../lib/clock.ts";
import { Engines } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import { lookUpUser, USER_NAMES } from "../../lib/unix-users.ts";
import { wireguardLauncher } from "../launcher.ts";
import { WIREGUARD } from "../tunnel-plan.ts";
import { wireguardGoControl } from "./control.ts";
import { uapiSocket, wireguardGoEngine } from "./engine.ts";
import { ownWireguardKey, type WireguardKey, wireguardKey } from "./own-key.ts";
import { WireguardPeers, type WireguardState } from "./peers.ts";

/** Why the real engine cannot be tried here; nothing where it can. */
export function missingForWireguard(): string | undefined {
  if (process.getuid!() !== 0) return "network namespaces need root";
  if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun";
  const missing = ["ip", "wg", "wireguard-go"].filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

export const sh = (file: string, ...words: string[]): string =>
  execFileSync(findProgram(file)!, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(
  what: string,
  look: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`);
    await pause(20);
  }
}

let worlds = 0;

/** An exit and a client, each in a network namespace, with a cable between them: 192.0.2.1 and 192.0.2.2. */
export class WireguardWorld {
  readonly id = `${process.pid % 100_000}${++worlds}`;
  readonly exit = `lwg-${this.id}-exit`;
  readonly client = `lwg-${this.id}-client`;
  readonly device = `lethe-g${this.id}`;
  readonly clientDevice = `lethe-c${this.id}`;
  readonly port = 51_820;
  readonly folder = mkdtempSync(join(tmpdir(), "lethe-wireguard-"));
  readonly key: WireguardKey = ownWireguardKey(this.folder);
  readonly clientKey: WireguardKey = wireguardKey(Buffer.alloc(32, 7));
  readonly clock = new FakeClock();
  online: string[] = [];
  state: WireguardState = { ready: false };

  constructor() {
    for (const name of [this.exit, this.client]) sh("ip", "netns", "add", name);
    sh(
      "ip",
      "link",
      "add",
      "eth0",
      "netns",
      this.exit,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      this.client,
    );
    for (const [name, address] of [
      [this.exit, "192.0.2.1/24"],
      [this.client, "192.0.2.2/24"],
    ] as const) {
      sh("ip", "-n", name, "addr", "add", address, "dev", "eth0");
      for (const device of ["lo", "eth0"]) sh("ip", "-n", name, "link", "set", device, "up");
    }
    const { gateway4, prefix4 } = WIREGUARD;
    const uid = String(this.account.uid);
    sh("ip", "-n", this.exit, "tuntap", "add", "dev", this.device, "mode", "tun", "user", uid);
    sh("ip", "-n", this.exit, "addr", "add", `${gateway4}/${prefix4}`, "dev", this.device);
    sh("ip", "-n", this.exit, "link", "set", this.device, "mtu", "1420", "up");
  }

  get account(): { uid: number; gid: number } {
    return lookUpUser(USER_NAMES.vpn) ?? { uid: 65_534, gid: 65_534 };
  }

  /** One life of our process: its engines and peers. */
  life(): { engines: Engines; peers: WireguardPeers; end: () => Promise<void> } {
    let pid: number | undefined;
    const attach = () => {
      const view = engines.view("wireguard");
      pid = view?.state === "running" ? view.pid : undefined;
      peers.attach(
        pid === undefined ? undefined : String(pid),
        wireguardGoControl({ device: this.device, port: this.port, key: this.key }, uapiSocket(this.device)),
      );
    };
    const peers = new WireguardPeers({
      clock: this.clock,
      log: () => {},
      onOnline: (keys) => {
        this.online = keys;
      },
      onState: (state) => {
        this.state = state;
      },
    });
    const engines = new Engines({ folder: this.folder, log: () => {}, onChange: attach });
    return {
      engines,
      peers,
      end: async () => {
        await peers.close();
        engines.release();
      },
    };
  }

  spec(): ReturnType<typeof wireguardGoEngine> {
    const inside = [findProgram("ip")!, "netns", "exec", this.exit];
    return wireguardGoEngine({
      program: findProgram("wireguard-go")!,
      launcher: [...inside, ...wireguardLauncher(this.account)!],
      device: this.device,
      port: this.port,
      publicKey: this.key.publicKey,
      account: this.account,
    });
  }

  /** What the engine says of its peers, for the test's eyes: public key, tab, value. */
  show(what: string): Map<string, string> {
    const lines = sh("wg", "show", this.device, what).trim().split("\n");
    return new Map(lines.filter(Boolean).map((line) => line.split("\t") as [string, string]));
  }

  remove(): void {
    for (const name of [this.exit, this.client]) {
      for (const pid of sh("ip", "netns", "pids", name).split("\n").filter(Boolean)) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // it ended by itself
        }
      }
      sh("ip", "netns", "delete", name);
    }
    for (const device of [this.device, this.clientDevice]) rmSync(uapiSocket(device), { force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
