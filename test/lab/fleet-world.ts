import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lab } from "./addresses.ts";
import type { InternetLog } from "./internet.ts";
import { InternetServer } from "./internet-server.ts";
import { Machine } from "./machine.ts";
import { link, Namespace, PATIENCE_MS, removeLeftovers, until } from "./namespace.ts";

const delayProgram = fileURLToPath(new URL("delay.ts", import.meta.url));

interface Place {
  v4: string;
  gateway: string;
  prefix: number;
  v6: string;
  gateway6: string;
}

/**
 * A fleet's world: an office, exits and two clients, each a link away from an "internet" that routes between them. IPv6 is
 * there where it was asked for.
 *
 *   office   192.0.2.10, 2001:db8:e::10 ────┐                     ┌── exit 1   198.19.1.2, 2001:db8:f1::2
 *   client   203.0.113.10, 2001:db8:c1::10 ─┼── internet (router) ├── …
 *   client 2 203.0.113.138, 2001:db8:c2::10 ┘   web, DNS          └── exit n   198.19.n.2, 2001:db8:fn::2
 */
export const fleet = {
  office: {
    v4: "192.0.2.10",
    gateway: "192.0.2.1",
    prefix: 24,
    v6: "2001:db8:e::10",
    gateway6: "2001:db8:e::1",
  },
  client: {
    v4: "203.0.113.10",
    gateway: "203.0.113.1",
    prefix: 25,
    v6: "2001:db8:c1::10",
    gateway6: "2001:db8:c1::1",
  },
  client2: {
    v4: "203.0.113.138",
    gateway: "203.0.113.129",
    prefix: 25,
    v6: "2001:db8:c2::10",
    gateway6: "2001:db8:c2::1",
  },
  exit: (index: number): Place => ({
    v4: `198.19.${index + 1}.2`,
    gateway: `198.19.${index + 1}.1`,
    prefix: 24,
    v6: `2001:db8:f${index + 1}::2`,
    gateway6: `2001:db8:f${index + 1}::1`,
  }),
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
  readonly client2: Namespace;
  readonly folder: string;
  readonly #relays: ChildProcess[] = [];
  #internetServer: InternetServer | undefined;
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
    this.client2 = new Namespace(`${prefix}-client2`);
    this.office = machine("office");
    this.exits = Array.from({ length: exits }, (_, index) => machine(`exit${index + 1}`));
  }

  static async open(exits = 4, { ipv6 = false } = {}): Promise<FleetWorld> {
    await removeLeftovers();
    const world = new FleetWorld(`lethe-${process.pid}-${100 + ++worlds}`, exits);
    try {
      await world.#build(ipv6);
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  async #build(ipv6: boolean): Promise<void> {
    const { internet, office, client, client2, exits } = this;
    await internet.create("127.0.0.1");
    await internet.must(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    const clients: Namespace[] = [client, client2];
    const members = [
      [office, "office", fleet.office],
      [client, "client", fleet.client],
      [client2, "client2", fleet.client2],
      ...exits.map((exit, index) => [exit, `exit${index + 1}`, fleet.exit(index)] as const),
    ] as const;
    await Promise.all(
      members.map(async ([member, device, { v4, gateway, prefix, v6, gateway6 }]) => {
        await member.create(clients.includes(member) ? lab.internet.foreignResolver : lab.internet.resolver);
        const [router, machine] = [[`${gateway}/${prefix}`], [`${v4}/${prefix}`]];
        if (ipv6) router.push(`${gateway6}/64`);
        if (ipv6) machine.push(`${v6}/64`);
        await link([internet, device, ...router], [member, "eth0", ...machine]);
        await member.must(["ip", "route", "add", "default", "via", gateway]);
        if (ipv6) await member.must(["ip", "-6", "route", "add", "default", "via", gateway6]);
        this.#addresses.set(member, v4);
        if (member instanceof Machine) await member.boot();
      }),
    );
    for (const member of clients) {
      // What Debian and Ubuntu ship: an answer may come by another device than the route back.
      const settings = ["net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.default.rp_filter=2"];
      await member.must(["sysctl", "-qw", ...settings]);
    }
    const { web4, web6, resolver, foreignResolver, trap } = lab.internet;
    for (const address of [web4, resolver, foreignResolver, trap]) {
      await internet.must(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
    }
    if (ipv6) await internet.must(["ip", "address", "add", `${web6}/128`, "dev", "lo", "nodad"]);
    this.#internetServer = await InternetServer.start(internet);
  }

  addressOf(member: Namespace): string {
    return this.#addresses.get(member)!;
  }

  #internetOf(): InternetServer {
    if (this.#internetServer === undefined) throw new Error("the internet is not up");
    return this.#internetServer;
  }

  /** What the internet's servers have seen since the last `forget`. */
  seen(then: "keep" | "forget" = "keep"): Promise<InternetLog> {
    return this.#internetOf().seen(then);
  }

  forget(): Promise<void> {
    return this.#internetOf().forget();
  }

  /** Lets a download end that was started without a length (see `Transfer`). */
  endDownload(mark: string): void {
    this.#internetServer?.endDownload(mark);
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
    this.#relays.push(delay);
    let ready = false;
    delay.stdout!.once("data", () => {
      ready = true;
    });
    await until("the slow link", PATIENCE_MS, () => ready);
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
      this.#internetServer?.kill();
      for (const relay of this.#relays) relay.kill("SIGKILL");
      await Promise.all(
        [this.client, this.client2, this.office, ...this.exits, this.internet].map((member) =>
          member.remove(),
        ),
      );
      rmSync(this.folder, { recursive: true, force: true });
    })();
    return this.#closed;
  }
}
