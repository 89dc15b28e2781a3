import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lab } from "./addresses.ts";
import { startInternet } from "./internet-server.ts";
import { Machine } from "./machine.ts";
import { link, Namespace, removeLeftovers, until } from "./namespace.ts";

const delayProgram = fileURLToPath(new URL("delay.ts", import.meta.url));

/**
 * A fleet's world: an office, exits and a client, each a link away from an "internet" that routes between them.
 *
 *   office 192.0.2.10 ──┐                     ┌── exit 1   198.19.1.2
 *                       ├── internet (router) ├── …
 *   client 203.0.113.10 ┘   web, DNS          └── exit n   198.19.n.2
 */
export const fleet = {
  office: { v4: "192.0.2.10", gateway: "192.0.2.1", prefix: 24 },
  client: { v4: "203.0.113.10", gateway: "203.0.113.1", prefix: 25 },
  exit: (index: number) => ({ v4: `198.19.${index + 1}.2`, gateway: `198.19.${index + 1}.1`, prefix: 24 }),
} as const;

/** How a link between two machines is: cut, or losing so many of a hundred packets each way. */
type Fault = "cut" | { lossPercent: number };

let worlds = 0;

/** Made by `open`; `close` takes all of it away, also what was started inside. */
export class FleetWorld {
  readonly internet: Namespace;
  readonly office: Machine;
  readonly exits: Machine[];
  readonly client: Namespace;
  readonly folder: string;
  readonly #servers: ChildProcess[] = [];
  readonly #addresses = new Map<Namespace, string>();
  readonly #faults = new Map<string, Fault>();
  readonly #delays = new Map<string, { delay: ChildProcess; rule: string }>();
  #closed: Promise<void> | undefined;

  private constructor(prefix: string, exits: number) {
    this.folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    // The office runs as a user of its own and has to get through to its data folder in here.
    chmodSync(this.folder, 0o711);
    const machine = (role: string) => new Machine(`${prefix}-${role}`, join(this.folder, role));
    this.internet = new Namespace(`${prefix}-internet`);
    this.client = new Namespace(`${prefix}-client`);
    this.office = machine("office");
    this.exits = Array.from({ length: exits }, (_, index) => machine(`exit${index + 1}`));
  }

  static async open(exits = 4): Promise<FleetWorld> {
    await removeLeftovers();
    const world = new FleetWorld(`lethe-${process.pid}-${100 + ++worlds}`, exits);
    try {
      await world.#build();
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  async #build(): Promise<void> {
    const { internet, office, client, exits } = this;
    await internet.create("127.0.0.1");
    await internet.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    const members = [
      [office, "office", fleet.office],
      [client, "client", fleet.client],
      ...exits.map((exit, index) => [exit, `exit${index + 1}`, fleet.exit(index)] as const),
    ] as const;
    await Promise.all(
      members.map(async ([member, device, { v4, gateway, prefix }]) => {
        await member.create(member === client ? lab.internet.foreignResolver : lab.internet.resolver);
        await link([internet, device, `${gateway}/${prefix}`], [member, "eth0", `${v4}/${prefix}`]);
        await member.must(["ip", "route", "add", "default", "via", gateway]);
        this.#addresses.set(member, v4);
        if (member instanceof Machine) await member.boot();
      }),
    );
    await client.must([
      "sysctl",
      "-qw",
      "net.ipv4.conf.all.rp_filter=2",
      "net.ipv4.conf.default.rp_filter=2",
    ]);
    const { web4, resolver, foreignResolver } = lab.internet;
    for (const address of [web4, resolver, foreignResolver]) {
      await internet.must(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
    }
    const { server, ready } = startInternet(internet);
    this.#servers.push(server);
    await ready;
  }

  addressOf(member: Namespace): string {
    return this.#addresses.get(member)!;
  }

  /** No packet passes between the two, either way; the rest of the world reaches both. */
  cut(one: Namespace, other: Namespace): Promise<void> {
    return this.#setFault(one, other, "cut");
  }

  /** So many of a hundred packets are lost, each way. */
  lossy(one: Namespace, other: Namespace, lossPercent: number): Promise<void> {
    return this.#setFault(one, other, { lossPercent });
  }

  /** As if nothing had ever been wrong between the two. */
  heal(one: Namespace, other: Namespace): Promise<void> {
    return this.#setFault(one, other, undefined);
  }

  async #setFault(one: Namespace, other: Namespace, fault: Fault | undefined): Promise<void> {
    const key = [this.addressOf(one), this.addressOf(other)].sort().join(" ");
    if (fault === undefined) this.#faults.delete(key);
    else this.#faults.set(key, fault);
    await this.#applyRules();
  }

  /** Its cable is out: nobody reaches it, it reaches nobody. */
  async unplug(member: Namespace, plugged = false): Promise<void> {
    const device = member.name.slice(member.name.lastIndexOf("-") + 1);
    await this.internet.must(["ip", "link", "set", device, plugged ? "up" : "down"]);
  }

  plug(member: Namespace): Promise<void> {
    return this.unplug(member, true);
  }

  /**
   * New TCP connections from one to a port of the other take so long each way. This kernel may have no netem: a relay in
   * the router holds the bytes back, so the other sees the router's address as source.
   */
  async slow(from: Namespace, to: Namespace, port: number, delayMs: number): Promise<void> {
    const key = `${from.name} ${to.name} ${port}`;
    this.#delays.get(key)?.delay.kill("SIGKILL");
    const relayPort = 20_000 + this.#delays.size;
    const words = [String(relayPort), this.addressOf(to), String(port), String(delayMs)];
    const delay = this.internet.start(
      [process.execPath, delayProgram, ...words],
      ["ignore", "pipe", "inherit"],
    );
    this.#servers.push(delay);
    let ready = false;
    delay.stdout!.once("data", () => {
      ready = true;
    });
    await until("the slow link", 10_000, () => ready);
    const pair = `ip saddr ${this.addressOf(from)} ip daddr ${this.addressOf(to)}`;
    this.#delays.set(key, { delay, rule: `${pair} tcp dport ${port} redirect to :${relayPort}` });
    await this.#applyRules();
  }

  /** Connections through `slow` end, and new ones are as fast as ever. */
  async fast(from: Namespace, to: Namespace, port: number): Promise<void> {
    const key = `${from.name} ${to.name} ${port}`;
    const { delay } = this.#delays.get(key) ?? {};
    this.#delays.delete(key);
    await this.#applyRules();
    delay?.kill("SIGKILL");
  }

  async #applyRules(): Promise<void> {
    const faults = [...this.#faults].flatMap(([key, fault]) => {
      const [one = "", other = ""] = key.split(" ");
      const what = fault === "cut" ? "drop" : `numgen random mod 100 < ${fault.lossPercent} drop`;
      return [`ip saddr ${one} ip daddr ${other} ${what}`, `ip saddr ${other} ip daddr ${one} ${what}`];
    });
    const table = [
      "table inet lab_faults",
      "delete table inet lab_faults",
      "table inet lab_faults {",
      "  chain slow { type nat hook prerouting priority dstnat;",
      ...[...this.#delays.values()].map(({ rule }) => `    ${rule}`),
      "  }",
      // Before conntrack's helpers and for the router's own relays too: a cut is a cut.
      "  chain faults { type filter hook prerouting priority raw;",
      ...faults.map((rule) => `    ${rule}`),
      "  }",
      "}",
    ];
    await this.internet.must(["nft", "-f", "-"], { input: `${table.join("\n")}\n` });
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      for (const server of this.#servers) server.kill("SIGKILL");
      await Promise.all(
        [this.client, this.office, ...this.exits, this.internet].map((member) => member.remove()),
      );
      rmSync(this.folder, { recursive: true, force: true });
    })();
    return this.#closed;
  }
}
