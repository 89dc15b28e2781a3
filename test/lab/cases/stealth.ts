import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../namespace.ts";
import type { ServicesScene } from "../services-scene.ts";
import { storedFiles } from "../stored-zip.ts";
import { type VpnClient, type VpnClientOptions, type VpnService, vpnServiceCases } from "../vpn-service.ts";

/** The programs that a member starts, in the folder of the unpacked zip, and what they say. */
class Programs {
  readonly folder: string;
  readonly #options: VpnClientOptions;
  readonly #running: ChildProcess[] = [];
  said = "";

  private constructor(options: VpnClientOptions, folder: string) {
    this.#options = options;
    this.folder = folder;
  }

  /** Gets the zip of that kind as a member does, and unpacks it; with a file of the VPN username and password. */
  static async unpack(
    kind: string,
    options: VpnClientOptions,
  ): Promise<{ programs: Programs; names: string[] }> {
    const { member, exit, login } = options;
    const folder = mkdtempSync(join(options.folder, `${kind}-`));
    const zip = join(folder, "files.zip");
    await member.download(`/api/v1/account/profiles/${kind}/${exit.name}?system=linux`, zip);
    const files = storedFiles(readFileSync(zip));
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
    writeFileSync(join(folder, "login"), `${login.username}\n${login.password}\n`, { mode: 0o600 });
    return { programs: new Programs(options, folder), names: [...files.keys()] };
  }

  /** In a session of its own, so that Ctrl-C reaches all that it starts. */
  start(...argv: string[]): void {
    const child = this.#options.on.start(["setsid", "env", "-C", this.folder, ...argv]);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
      });
    this.#running.push(child);
  }

  async online(timeoutMs = 30_000): Promise<void> {
    const ended = () => this.#running.find(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null);
    await until("the tunnel", timeoutMs, () => {
      if (this.said.includes("Initialization Sequence Completed")) return true;
      if (ended() !== undefined) throw new Error(`it ended; it said:\n${this.said}`);
      return false;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${this.said}`);
    });
  }

  async stop(): Promise<void> {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      for (const child of this.#running.toReversed()) await this.#end(child, signal);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    const gone = () => child.exitCode !== null || child.signalCode !== null;
    try {
      process.kill(-child.pid!, signal);
    } catch {
      // nobody is left
    }
    const end = performance.now() + 3000;
    while (!gone() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const clientOf = (programs: Programs): VpnClient => ({
  online: (timeoutMs) => programs.online(timeoutMs),
  said: () => programs.said,
  stop: () => programs.stop(),
});

const refusals = { wrong: /AUTH_FAILED/, expired: /AUTH_FAILED/, tooMany: /AUTH_FAILED/ };

/** OpenVPN inside TLS, on the port that OpenVPN itself has as well; by the member's own stunnel. */
const tls: VpnService = {
  name: "Stealth in TLS",
  async start(options) {
    const { programs, names } = await Programs.unpack("stealth-tls", options);
    const named = (ending: string): string => names.find((name) => name.endsWith(ending))!;
    const stunnel = named("-stunnel.conf");
    programs.start("stunnel4", stunnel);
    programs.start(
      ...["openvpn", "--config", names.find((name) => name.endsWith(".conf") && name !== stunnel)!],
      ...["--auth-user-pass", "login"],
    );
    return clientOf(programs);
  },
  engine: /stunnel4 .*stealth-tls\.conf/,
  refusals,
  passwords: true,
  opensDeviceAnew: true,
};

/** OpenVPN inside obfs4, by the script that comes with the files. */
const obfs4: VpnService = {
  name: "Stealth in obfs4",
  async start(options) {
    const { programs, names } = await Programs.unpack("stealth-obfs4", options);
    programs.start("sh", names.find((name) => name.endsWith(".sh"))!, "--auth-user-pass", "login");
    return clientOf(programs);
  },
  engine: /obfs4proxy .*stealth-obfs4-/,
  refusals,
  passwords: true,
  opensDeviceAnew: true,
};

export const stealthTlsCases = (scene: () => ServicesScene): void => vpnServiceCases(tls, scene);
export const stealthObfs4Cases = (scene: () => ServicesScene): void => vpnServiceCases(obfs4, scene);
