import type { Clock } from "../../lib/clock.ts";
import type { Peer } from "../../link/peers.ts";
import type { KeeperAuthoriser, Session } from "../authorise.ts";

const TICK_MS = 1000;
/** How often those are asked for again that were not let in. */
const AGAIN_EVERY_MS = 5000;
/** A device that is let in again has so long to come back; until then it holds the place that was free. */
const GRACE_MS = 30_000;

/** Where a server's peers come from: the roster (link/replica.ts). */
export interface PeerSource {
  peers(): Iterable<Peer>;
  peer(publicKey: Uint8Array): Peer | undefined;
}

export interface PeersToSet {
  /** Whether these are all. */
  whole: boolean;
  remove: string[];
  set: Map<string, number>;
}

interface Row {
  index: number;
  until: number;
  owner: string;
}

interface Held {
  session: Session;
  owner: string;
  /** Monotonic: not before does it count as gone. */
  graceUntilMs: number;
}

/**
 * Which WireGuard devices may be in the engine, decided in the keeper: those of the roster whose time is not over. One that
 * comes online counts as a session of its owner's; where that is refused or cut, it is taken out of the engine, and comes back
 * when the owner has room again. Only public keys, indices and sessions are held here; no address is known.
 */
export class WireguardMembers {
  readonly #source: PeerSource;
  readonly #authoriser: Pick<KeeperAuthoriser, "readmit" | "occupy">;
  readonly #timeMs: () => number | undefined;
  readonly #clock: Clock;
  readonly #send: (peers: PeersToSet) => void;
  readonly #selfTest: string;
  readonly #rows = new Map<string, Row>();
  readonly #sessions = new Map<string, Held>();
  /** Online, but refused or cut. */
  readonly #out = new Set<string>();
  readonly #asking = new Set<string>();
  #online = new Set<string>();
  /** Online before this process was: no limit ends those. Nothing until the engine has been heard. */
  #before: Set<string> | undefined;
  #told: Map<string, number> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #againDueMs = 0;

  /** `selfTest`: the public key by which the exit tests itself; always in the engine, with no address. */
  constructor(options: {
    source: PeerSource;
    authoriser: Pick<KeeperAuthoriser, "readmit" | "occupy">;
    /** The office's time in milliseconds; nothing while no roster holds. */
    timeMs: () => number | undefined;
    clock: Clock;
    send: (peers: PeersToSet) => void;
    selfTest: string;
  }) {
    this.#source = options.source;
    this.#authoriser = options.authoriser;
    this.#timeMs = options.timeMs;
    this.#clock = options.clock;
    this.#send = options.send;
    this.#selfTest = options.selfTest;
  }

  start(): void {
    this.rosterChanged("all");
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { session } of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  rosterChanged(changed: readonly Uint8Array[] | "all"): void {
    if (changed === "all") {
      const all = new Map([...this.#source.peers()].map((peer) => [textOf(peer.publicKey), peer]));
      for (const key of [...this.#rows.keys()]) if (!all.has(key)) this.#take(key, undefined);
      for (const [key, peer] of all) this.#take(key, peer);
    } else {
      for (const publicKey of changed) this.#take(textOf(publicKey), this.#source.peer(publicKey));
    }
    this.#tell(changed === "all" ? undefined : changed.map(textOf));
  }

  /** Who has a session in the engine now, by public key; the first time, who had one before this process was. */
  engineSays(online: readonly string[]): void {
    this.#online = new Set(online);
    this.#before ??= new Set(online);
    for (const key of this.#before) if (!this.#online.has(key)) this.#before.delete(key);
    this.#closeGone();
    for (const key of online) void this.#ask(key);
  }

  /** Once a second by itself after `start`: whose time is over, who may come back. */
  tick(): void {
    const now = this.#clock.monotonic();
    this.#closeGone();
    if (now >= this.#againDueMs) {
      this.#againDueMs = now + AGAIN_EVERY_MS;
      for (const key of [...this.#online, ...this.#out]) void this.#ask(key);
    }
    this.#tell();
  }

  #take(key: string, peer: Peer | undefined): void {
    const before = this.#rows.get(key);
    if (peer === undefined) {
      this.#rows.delete(key);
      this.#out.delete(key);
      this.#end(key);
      return;
    }
    const { index, until, owner } = peer;
    if (before?.index === index && before.until === until && before.owner === owner) return;
    this.#rows.set(key, { index, until, owner });
    // Other credentials, or more time: what was refused before is not refused for good.
    this.#out.delete(key);
    if (before !== undefined && before.owner !== owner) this.#end(key);
    if (this.#online.has(key)) void this.#ask(key);
  }

  #end(key: string): void {
    this.#sessions.get(key)?.session.close();
    this.#sessions.delete(key);
  }

  #closeGone(): void {
    const now = this.#clock.monotonic();
    for (const [key, { graceUntilMs }] of this.#sessions)
      if (!this.#online.has(key) && now >= graceUntilMs) this.#end(key);
  }

  async #ask(key: string): Promise<void> {
    const row = this.#rows.get(key);
    if (row === undefined || this.#sessions.has(key) || this.#asking.has(key)) return;
    this.#asking.add(key);
    const client = { service: "wireguard", username: row.owner } as const;
    const before = this.#before?.has(key) === true && !this.#out.has(key);
    const admission = await this.#authoriser[before ? "readmit" : "occupy"](client);
    this.#asking.delete(key);
    if (this.#rows.get(key)?.owner !== row.owner) {
      if (admission.admitted) admission.session.close();
      return;
    }
    if (admission.admitted) {
      const graceUntilMs = this.#clock.monotonic() + GRACE_MS;
      this.#sessions.set(key, { session: admission.session, owner: row.owner, graceUntilMs });
      this.#out.delete(key);
      admission.session.onCut(() => {
        this.#sessions.delete(key);
        this.#keepOut(key);
      });
      this.#tell([key]);
    } else if (!before || admission.reason !== "unavailable") this.#keepOut(key);
  }

  #keepOut(key: string): void {
    if (!this.#rows.has(key)) return;
    this.#out.add(key);
    this.#tell([key]);
  }

  #wanted(key: string, timeMs: number): number | undefined {
    const row = this.#rows.get(key);
    if (row === undefined || this.#out.has(key) || timeMs >= row.until * 60_000) return undefined;
    return row.index;
  }

  /** Tells the exit what is another than it was told, of these keys or of all. Before there is a roster, nothing. */
  #tell(keys: readonly string[] | undefined = undefined): void {
    const time = this.#timeMs();
    if (this.#told === undefined) {
      if (time === undefined) return;
      this.#told = new Map([[this.#selfTest, 0]]);
      for (const key of this.#rows.keys()) {
        const index = this.#wanted(key, time);
        if (index !== undefined) this.#told.set(key, index);
      }
      this.#send({ whole: true, remove: [], set: new Map(this.#told) });
      return;
    }
    const remove: string[] = [];
    const set = new Map<string, number>();
    for (const key of keys ?? new Set([...this.#rows.keys(), ...this.#told.keys()])) {
      // Nobody can say who may be here when the roster is outdated.
      const index = key === this.#selfTest ? 0 : time === undefined ? undefined : this.#wanted(key, time);
      if (this.#told.get(key) === index) continue;
      if (index === undefined) {
        this.#told.delete(key);
        remove.push(key);
      } else {
        this.#told.set(key, index);
        set.set(key, index);
      }
    }
    if (remove.length > 0 || set.size > 0) this.#send({ whole: false, remove, set });
  }
}

const textOf = (publicKey: Uint8Array): string => Buffer.from(publicKey).toString("base64");
