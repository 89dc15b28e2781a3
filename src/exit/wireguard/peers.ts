import type { Clock } from "../../lib/clock.ts";
import type { Log, Reason } from "../../lib/event-log.ts";
import { allowedOf, type PeerIndices, type WireguardControl } from "./control.ts";
import { Forgetting } from "./forgetting.ts";

/** How often the engine is asked who is there: with many peers that costs it something. */
const LOOK_EVERY_MS = 2000;
const LOOK_SELDOM_MS = 5000;
const MANY_PEERS = 2000;
const TRY_AGAIN_MS = 500;

export interface WireguardPeersOptions {
  clock: Clock;
  log: Log;
  /** Whoever is online, the earliest handshake first, whenever it is somebody else, and once after each start of the engine. */
  onOnline: (publicKeys: string[]) => void;
  /** Whether the engine has its key, port and peers; the word says why not. */
  onState: (state: WireguardState) => void;
}

export interface WireguardState {
  ready: boolean;
  failed?: Reason;
}

/**
 * The peers that should be there in, the engine's out: one step after another, each making only the changes that are
 * missing, so that nobody else's session is touched. An engine that was taken over keeps its sessions; one that was started
 * anew gets everybody.
 */
export class WireguardPeers {
  readonly #options: WireguardPeersOptions;
  #control: WireguardControl | undefined;
  #engine: string | undefined;
  /** Nothing until somebody has said it: an engine that was taken over is left alone until then. */
  #wanted: Map<string, number> | undefined;
  /** Public key → allowed addresses, as far as is known; nothing where the engine has to be asked. */
  #there: Map<string, string> | undefined;
  /** Keys whose wish may differ from what is there; "all" after a start. */
  #dirty: Set<string> | "all" = "all";
  /** How many fewer peers the engine has than it was given: those that it refused. */
  #lacking = 0;
  #forgetting = new Forgetting();
  #online: string | undefined;
  #state: WireguardState = { ready: false };
  #running: Promise<void> | undefined;
  #due = false;
  #lookDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WireguardPeersOptions) {
    this.#options = options;
  }

  get state(): WireguardState {
    return this.#state;
  }

  /** The engine that runs now, by a word that is another one after each of its starts; nothing while there is none. */
  attach(engine: string | undefined, control: WireguardControl | undefined): void {
    if (this.#closed || engine === this.#engine) return;
    if (this.#engine !== undefined) this.#forgetting = new Forgetting();
    this.#engine = engine;
    this.#control = engine === undefined ? undefined : control;
    this.#there = undefined;
    this.#dirty = "all";
    this.#online = undefined;
    this.#lookDueMs = 0;
    if (this.#control === undefined) this.#say({ ready: false });
    else this.#request();
  }

  /** All of them, as they should be. */
  want(peers: PeerIndices): void {
    this.#wanted = new Map(peers);
    this.#dirty = "all";
    this.#request();
  }

  /** Some of them; before the first `want` nothing. */
  update({ remove, set }: { remove: readonly string[]; set: PeerIndices }): void {
    if (this.#wanted === undefined) return;
    for (const key of remove) this.#wanted.delete(key);
    for (const [key, index] of set) this.#wanted.set(key, index);
    if (this.#dirty !== "all") for (const key of [...remove, ...set.keys()]) this.#dirty.add(key);
    this.#request();
  }

  /** Stops asking; the engine stays as it is. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #request(): void {
    this.#due = true;
    this.#running ??= this.#steps().finally(() => {
      this.#running = undefined;
      if (this.#due && !this.#closed) this.#request();
    });
  }

  async #steps(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#due && !this.#closed) {
      this.#due = false;
      const engine = this.#engine;
      const failed = await this.#step();
      if (engine !== this.#engine) continue;
      if (failed !== undefined) {
        // Whatever is there now has to be asked for again.
        this.#there = undefined;
        this.#dirty = "all";
        if (this.#state.failed !== failed)
          this.#options.log("engine-unavailable", { part: "wireguard", reason: failed });
        this.#say({ ready: false, failed });
      }
      this.#again(failed === undefined ? this.#lookDueMs - this.#options.clock.monotonic() : TRY_AGAIN_MS);
    }
  }

  #again(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#control === undefined || this.#closed) return;
    this.#timer = setTimeout(() => this.#request(), Math.max(ms, 10));
    this.#timer.unref();
  }

  async #step(): Promise<Reason | undefined> {
    const control = this.#control;
    if (control === undefined) return undefined;
    if (this.#there === undefined) {
      const refused = await control.configure();
      if (refused !== undefined) return refused;
      this.#there = await control.peers();
      if (this.#there === undefined) return "unavailable";
    }
    const refused = await this.#reconcile(control, this.#there);
    if (refused !== undefined) return refused;
    // Before anybody has said who is wanted, nobody can be put back.
    if (this.#wanted === undefined) return undefined;
    this.#say({ ready: true });
    return this.#options.clock.monotonic() < this.#lookDueMs ? undefined : this.#look(control, this.#there);
  }

  async #reconcile(control: WireguardControl, there: Map<string, string>): Promise<Reason | undefined> {
    const wanted = this.#wanted;
    if (wanted === undefined) return undefined;
    const keys = this.#dirty === "all" ? new Set([...there.keys(), ...wanted.keys()]) : this.#dirty;
    this.#dirty = new Set();
    const remove: string[] = [];
    const set = new Map<string, number>();
    for (const key of keys) {
      const index = wanted.get(key);
      const allowed = index === undefined ? undefined : allowedOf(index);
      if (there.get(key) === allowed) continue;
      if (there.has(key)) remove.push(key);
      if (index !== undefined) set.set(key, index);
    }
    return this.#change(control, there, remove, set);
  }

  async #change(
    control: WireguardControl,
    there: Map<string, string>,
    remove: readonly string[],
    set: PeerIndices,
  ): Promise<Reason | undefined> {
    if (remove.length === 0 && set.size === 0) return undefined;
    const refused = await control.change({ remove, set }, this.#wanted ?? new Map());
    if (refused !== undefined) return refused;
    for (const key of remove) there.delete(key);
    for (const [key, index] of set) there.set(key, allowedOf(index));
    return undefined;
  }

  /** Who is online, and whose address is to be forgotten. */
  async #look(control: WireguardControl, there: Map<string, string>): Promise<Reason | undefined> {
    const { clock, onOnline } = this.#options;
    const reading = await control.reading();
    if (reading === undefined) return "unavailable";
    const lacking = there.size - reading.handshakes.size;
    if (lacking !== this.#lacking) {
      // Somebody else was at it, or the device is another one: everything is looked at anew.
      this.#lacking = lacking;
      this.#there = undefined;
      this.#dirty = "all";
      this.#due = true;
      return undefined;
    }
    this.#lookDueMs = clock.monotonic() + (there.size > MANY_PEERS ? LOOK_SELDOM_MS : LOOK_EVERY_MS);
    const { online, forget } = this.#forgetting.look(reading, clock.monotonic(), clock.now());
    // Their order is another one with each handshake, which is nothing to tell.
    const told = [...online].sort().join("");
    if (told !== this.#online) onOnline(online);
    this.#online = told;
    if (forget.length === 0) return undefined;
    const back = new Map<string, number>();
    for (const key of forget) {
      const index = this.#wanted?.get(key);
      if (index !== undefined) back.set(key, index);
    }
    return this.#change(control, there, forget, back);
  }

  #say(state: WireguardState): void {
    if (state.ready === this.#state.ready && state.failed === this.#state.failed) return;
    this.#state = state;
    this.#options.onState(state);
  }
}
