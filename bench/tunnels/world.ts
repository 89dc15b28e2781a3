import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { link, Namespace } from "../../test/lab/namespace.ts";

/**
 * A client of each server, a server with Lethe, a server configured by hand, and the internet between them, in which traffic ends. Each link
 * carries one packet at a time (`gso_max_segs 1`): veth would otherwise hand 64 KiB from one to the next as if it were one, and
 * no tunnel for packets could be compared with it.
 *
 *   client of lethe ──┐             ┌── lethe
 *                     ├── internet ─┤
 *   client of hand ───┘             └── hand
 */
export const places = {
  "client-lethe": { v4: "203.0.113.10", gateway: "203.0.113.1" },
  "client-hand": { v4: "203.0.113.138", gateway: "203.0.113.129" },
  lethe: { v4: "192.0.2.10", gateway: "192.0.2.1" },
  hand: { v4: "198.51.100.10", gateway: "198.51.100.1" },
  /** Where downloads come from; nothing of it is a server's. */
  target: "198.18.0.10",
} as const;

export class BenchWorld {
  readonly clients: Readonly<Record<"lethe" | "hand", Namespace>>;
  readonly lethe: Namespace;
  readonly hand: Namespace;
  readonly internet: Namespace;
  readonly folder: string;

  private constructor(prefix: string) {
    this.clients = {
      lethe: new Namespace(`${prefix}-client1`),
      hand: new Namespace(`${prefix}-client2`),
    };
    this.lethe = new Namespace(`${prefix}-lethe`);
    this.hand = new Namespace(`${prefix}-hand`);
    this.internet = new Namespace(`${prefix}-internet`);
    this.folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    chmodSync(this.folder, 0o711);
  }

  static async open(): Promise<BenchWorld> {
    const world = new BenchWorld(`lethe-${process.pid}-b`);
    try {
      await world.#build();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #build(): Promise<void> {
    const { clients, lethe, hand, internet } = this;
    for (const each of this.#all) await each.create("198.18.0.53");
    await internet.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await internet.must(["ip", "address", "add", `${places.target}/32`, "dev", "lo"]);
    const ends = { "client-lethe": clients.lethe, "client-hand": clients.hand, lethe, hand } as const;
    for (const client of Object.values(clients))
      await client.must(["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2"]);
    for (const [name, namespace] of Object.entries(ends)) {
      const { v4, gateway } = places[name as keyof typeof ends];
      await link([internet, name, `${gateway}/25`], [namespace, "eth0", `${v4}/25`]);
      await namespace.must(["ip", "route", "add", "default", "via", gateway]);
      await internet.must(["ip", "link", "set", name, "gso_max_segs", "1"]);
      await namespace.must(["ip", "link", "set", "eth0", "gso_max_segs", "1"]);
    }
    await hand.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  }

  get #all(): Namespace[] {
    return [...Object.values(this.clients), this.lethe, this.hand, this.internet];
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.remove()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
