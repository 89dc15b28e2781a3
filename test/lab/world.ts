import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lab } from "./addresses.ts";
import type { InternetLog } from "./internet.ts";
import { InternetServer } from "./internet-server.ts";
import { link, Namespace, removeLeftovers } from "./namespace.ts";

/** Why the lab cannot run here, in words for a person; nothing where it can. */
export function missingForLab(): string | undefined {
  if (process.getuid?.() !== 0) return "the lab makes network namespaces: run it as root";
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    return "there is no /dev/net/tun: load the kernel's tun module";
  }
  const missing = [
    "ip",
    "ss",
    "sysctl",
    "nft",
    "openvpn",
    "wg-quick",
    "unbound",
    "tcpdump",
    "curl",
    "dig",
    "chromium",
    "wg-quick",
    "charon-systemd",
    "stunnel4",
    "obfs4proxy",
    "ssh",
    "dnsmasq",
    "udhcpc",
  ].filter(
    (program) =>
      !(process.env.PATH ?? "")
        .split(":")
        .concat("/usr/sbin", "/sbin")
        .some((folder) => executable(join(folder, program))),
  );
  return missing.length === 0 ? undefined : `these programs are not installed: ${missing.join(", ")}`;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

let worlds = 0;

/**
 * Two clients, an exit, an "internet" and a private host behind the exit, each in a network namespace (see
 * addresses.ts for the picture). `close` takes everything away, also what was started inside.
 */
export class World {
  readonly client1: Namespace;
  readonly client2: Namespace;
  readonly exit: Namespace;
  readonly internet: Namespace;
  readonly privateHost: Namespace;
  /** A folder of this world's own, removed with it. */
  readonly folder: string;
  #servers: InternetServer[] = [];
  #internetServer: InternetServer | undefined;
  #closed: Promise<void> | undefined;

  private constructor(prefix: string) {
    this.client1 = new Namespace(`${prefix}-client1`);
    this.client2 = new Namespace(`${prefix}-client2`);
    this.exit = new Namespace(`${prefix}-exit`);
    this.internet = new Namespace(`${prefix}-internet`);
    this.privateHost = new Namespace(`${prefix}-private`);
    this.folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    // The office runs as a user of its own and has to get through to its data folder in here.
    chmodSync(this.folder, 0o711);
  }

  static async open(): Promise<World> {
    await removeLeftovers();
    const world = new World(`lethe-${process.pid}-${++worlds}`);
    try {
      await world.#build();
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  get namespaces(): Namespace[] {
    return [this.client1, this.client2, this.exit, this.internet, this.privateHost];
  }

  async #build(): Promise<void> {
    const { client1, client2, exit, internet, privateHost } = this;
    for (const client of [client1, client2]) {
      await client.create(lab.internet.foreignResolver);
      // What Debian and Ubuntu ship: an answer may come by another device than the route back.
      await client.must([
        "sysctl",
        "-qw",
        "net.ipv4.conf.all.rp_filter=2",
        "net.ipv4.conf.default.rp_filter=2",
      ]);
    }
    await exit.create(lab.internet.resolver);
    await internet.create("127.0.0.1");
    await privateHost.create("127.0.0.1");

    await internet.must(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    for (const [name, member] of [
      ["client1", client1],
      ["client2", client2],
    ] as const) {
      const { v4, v6, gateway4, gateway6 } = lab[name];
      await link(
        [internet, name, `${gateway4}/25`, `${gateway6}/64`],
        [member, "eth0", `${v4}/25`, `${v6}/64`],
      );
    }
    const { gateway4, gateway6 } = lab.exit;
    await link(
      [internet, "exit", `${gateway4}/24`, `${gateway6}/64`],
      [exit, "eth0", `${lab.exit.v4}/24`, `${lab.exit.v6}/64`],
    );
    const { router4, router6 } = lab.private;
    await link(
      [exit, "lan0", `${router4}/24`, `${router6}/64`],
      [privateHost, "eth0", `${lab.private.v4}/24`, `${lab.private.v6}/64`],
    );
    for (const [namespace, { gateway4, gateway6 }] of [
      [client1, lab.client1],
      [client2, lab.client2],
      [exit, lab.exit],
      [privateHost, { gateway4: lab.private.router4, gateway6: lab.private.router6 }],
    ] as const) {
      await namespace.must(["ip", "route", "add", "default", "via", gateway4]);
      await namespace.must(["ip", "-6", "route", "add", "default", "via", gateway6]);
    }
    for (const address of [lab.private.metadata, lab.private.cgnat]) {
      await privateHost.must(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
      await exit.must(["ip", "route", "add", `${address}/32`, "via", lab.private.v4]);
    }
    const { web4, web6, resolver, foreignResolver, trap, denied, closed } = lab.internet;
    for (const address of [web4, resolver, foreignResolver, trap, denied, closed]) {
      await internet.must(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
    }
    await internet.must(["ip", "address", "add", `${web6}/128`, "dev", "lo", "nodad"]);

    this.#internetServer = await this.#serve(internet);
    await this.#serve(privateHost, "web", "80");
    await this.#serve(exit, "web", String(lab.operatorPort));
    for (const client of [client1, client2]) await this.#serve(client, "web", String(lab.clientPort));
  }

  async #serve(namespace: Namespace, ...args: string[]): Promise<InternetServer> {
    const server = await InternetServer.start(namespace, ...args);
    this.#servers.push(server);
    return server;
  }

  #internetOf(): InternetServer {
    if (this.#internetServer === undefined) throw new Error("the internet is not up");
    return this.#internetServer;
  }

  /** What the internet's servers have seen since the last `forget`. */
  seen(then: "keep" | "forget" = "keep"): Promise<InternetLog> {
    return this.#internetOf().seen(then);
  }

  /** Lets a download end that was started without a length (see `Transfer`). */
  endDownload(mark: string): void {
    this.#internetServer?.endDownload(mark);
  }

  forget(): Promise<void> {
    return this.#internetOf().forget();
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      for (const server of this.#servers) server.kill();
      await Promise.all(this.namespaces.map((namespace) => namespace.remove()));
      rmSync(this.folder, { recursive: true, force: true });
    })();
    return this.#closed;
  }
}
