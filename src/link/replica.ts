import type { Clock } from "../lib/clock.ts";
import type { Log, Reason } from "../lib/event-log.ts";
import type { ExitCarrier } from "./carrier.ts";
import { CREDENTIALS, credentialKey, credentialUsername, unpackCredential } from "./credentials.ts";
import { type Header, PROTOCOL, type Protocol } from "./documents.ts";
import { type Offer, sayHello } from "./hello.ts";
import { openNtHash } from "./nt-hashes.ts";
import { NtHashesReplica } from "./nt-hashes-replica.ts";
import { PackedTable } from "./packed-table.ts";
import type { Peer } from "./peers.ts";
import { type ChangedPeers, PeersReplica } from "./peers-replica.ts";
import { Refused } from "./refused.ts";
import { readSealed, type SealedRoster } from "./seal.ts";
import { SealWriter } from "./seal-writer.ts";
import type { ServerSettings } from "./settings.ts";
import type { Trust } from "./signed.ts";
import { openHeader } from "./signed-header.ts";
import { openSettings } from "./signed-settings.ts";
import { SignedTime } from "./signed-time.ts";
import { siteId, verifyingKey } from "./site-key.ts";
import { SyncSchedule } from "./sync-schedule.ts";
import { applyAll, fetchBuckets } from "./table-sync.ts";
import * as wire from "./wire.ts";

/** The same refusal is reported once in so long. */
const REPORT_MS = 10_000;

export interface ReplicaOptions {
  server: string;
  /** The site's Ed25519 public key, raw. */
  publicKey: Uint8Array;
  carrier: ExitCarrier;
  clock: Clock;
  log: Log;
  /** Where the roster is kept over a restart, and the 32-byte key for it. */
  seal?: { path: string; key: Uint8Array };
  /** Rows that the exit already has, of whatever origin: they are held against the office's as ever. */
  table?: PackedTable;
  /** The first wait after a refused roster; later ones are twice as long each. */
  retryMs?: number;
  /**
   * With a roster that holds, the exit waits at random before it asks after the connection came back or the office changed: a
   * thousand exits must not all ask at once. The longer it was out of touch the longer (sync-schedule.ts), and up to so long. 0
   * where it is the only one.
   */
  jitterMs?: number;
  /** For tests: an exit that is one version older. */
  protocol?: Protocol;
  /** Milliseconds since the machine started; the same for all its processes. */
  uptimeMs?: () => number;
}

interface Current {
  header: Header;
  signedHeader: Uint8Array;
}

/**
 * The exit's end of the link: the last roster that was good. Whatever is wrong with what arrives, the event
 * "roster-refused" says why, and what was good before stays as it was.
 */
export class RosterReplica {
  #server: string;
  #trust: Trust;
  #protocol: Protocol;
  #carrier: ExitCarrier;
  #clock: Clock;
  #log: Log;
  #seal: { path: string; key: Uint8Array } | undefined;
  #uptimeMs: () => number;

  #table: PackedTable;
  #ntHashes: NtHashesReplica;
  #peers: PeersReplica;
  #current: Current | undefined;
  #settings: { version: number; signed: Uint8Array; settings: ServerSettings } | undefined;
  readonly #time: SignedTime;
  /** Set once the office has answered our nonce: broadcasts before that might be old ones. */
  #answered = false;
  #outdated = false;
  /** When the office and we last had the same (Clock.monotonic). */
  #agreedMs = 0;

  #schedule: SyncSchedule;
  readonly #sealWriter: SealWriter | undefined;
  #closed = false;
  #reported = new Map<Reason, number>();
  #onSettings: (settings: ServerSettings, signed: Uint8Array) => void = () => {};
  #onChange: (usernames: string[] | "all") => void = () => {};
  #onPeers: (changed: ChangedPeers) => void = () => {};
  #onUp: () => void = () => {};
  #onAnswer: () => void = () => {};

  constructor(options: ReplicaOptions) {
    this.#server = options.server;
    this.#trust = { site: siteId(options.publicKey), key: verifyingKey(options.publicKey) };
    this.#protocol = options.protocol ?? PROTOCOL;
    this.#carrier = options.carrier;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#time = new SignedTime(options.clock);
    this.#seal = options.seal;
    this.#sealWriter =
      options.seal && new SealWriter({ ...options.seal, log: options.log, roster: () => this.#forSeal() });
    this.#table = options.table ?? new PackedTable(CREDENTIALS);
    const { server, carrier } = options;
    this.#peers = new PeersReplica({ server, carrier, trust: this.#trust, protocol: this.#protocol });
    this.#ntHashes = new NtHashesReplica(carrier);
    this.#schedule = new SyncSchedule({
      sync: () => this.#sync(),
      failed: (error) => {
        if (error instanceof Refused) this.#report(error.reason);
      },
      due: () => this.#reportOutdated(),
      behindMs: () => (this.timeMs() === undefined ? undefined : this.#clock.monotonic() - this.#agreedMs),
      retryMs: options.retryMs,
      jitterMs: options.jitterMs,
    });
    this.#uptimeMs = options.uptimeMs ?? (() => Number(process.hrtime.bigint() / 1_000_000n));
  }

  /** Settings that hold, whenever they change. Set before `start`. */
  onSettings(callback: (settings: ServerSettings, signed: Uint8Array) => void): void {
    this.#onSettings = callback;
  }

  /** The office has answered for the first time since `start`. Set before it. */
  onAnswer(callback: () => void): void {
    this.#onAnswer = callback;
  }

  /** Which credentials changed, in lower case; set before `start`. */
  onChange(callback: (usernames: string[] | "all") => void): void {
    this.#onChange = callback;
  }

  /** Which of this server's peers changed, by public key; set before `start`. */
  onPeers(callback: (changed: ChangedPeers) => void): void {
    this.#onPeers = callback;
  }

  /** The connection to the office stands, for the first time or again; set before `start`. */
  onUp(callback: () => void): void {
    this.#onUp = callback;
  }

  /** Whether the office has answered since `start`: until then the roster is what was sealed, and may lack the newest rows. */
  get confirmed(): boolean {
    return this.#answered;
  }

  get size(): number {
    return this.#table.size;
  }

  /** The version of the roster that holds. */
  get version(): number | undefined {
    return this.#current?.header.version;
  }

  /** The credential of a VPN username in either case; in microseconds. Ask `timeMs` whether the roster still holds. */
  authorise(username: string): { digest: Uint8Array; until: number } | undefined {
    const key = credentialKey(username);
    const row = key && this.#table.get(key);
    return row && unpackCredential(row);
  }

  /** The NT hash that belongs to the credential (nt-hashes.ts), where this exit has IKEv2 and the office knows one. */
  ntHash(username: string): Uint8Array | undefined {
    const hashKey = this.#settings?.settings.services.ikev2?.hashKey;
    const key = credentialKey(username);
    const row = key && this.#ntHashes.get(key);
    const digest = this.authorise(username)?.digest;
    if (row === undefined || digest === undefined || hashKey === undefined) return undefined;
    return openNtHash(Buffer.from(hashKey, "base64"), row, digest);
  }

  /**
   * The devices that may come in here by WireGuard; also those whose time (`until`) is over. None where no roster holds, and
   * where the settings have no WireGuard.
   */
  *peers(): Generator<Peer> {
    const time = this.timeMs();
    if (time !== undefined) yield* this.#peers.all(time);
  }

  /** One of them, by its public key. */
  peer(publicKey: Uint8Array): Peer | undefined {
    const time = this.timeMs();
    return time === undefined ? undefined : this.#peers.get(publicKey, time);
  }

  /**
   * The time as the office signed it last, plus what has passed since by a clock that nobody sets. Nothing where there is no
   * roster, or it has not been renewed for 72 h: nobody may then be let in.
   */
  timeMs(): number | undefined {
    if (this.#current === undefined) return undefined;
    const time = this.#time.nowMs;
    return time < this.#current.header.notAfterMs ? time : undefined;
  }

  start(): void {
    this.#unseal();
    this.#carrier.onUp(() => {
      this.#log("link-up");
      this.#onUp();
      this.#schedule.connected();
    });
    this.#carrier.onDown(() => {
      this.#log("link-down");
    });
    this.#carrier.onBroadcast((message) => this.#guarded(() => this.#take(message)));
    this.#carrier.start();
    this.#schedule.start();
  }

  close(): void {
    this.#closed = true;
    this.#schedule.close();
    this.#sealWriter?.close();
    this.#carrier.close();
  }

  /** Asks the office for its newest roster and takes it over. */
  async #sync(): Promise<void> {
    const staged = new Map<number, Uint8Array>();
    for (let attempt = 1; ; attempt++) {
      const offer = await this.#hello();
      const wanted = offer.header.sections.credentials.digest;
      try {
        await fetchBuckets(this.#carrier, this.#table, "credentials", wanted, staged);
      } catch (error) {
        // The office's roster may have changed between two answers; what was fetched so far is kept.
        if (!(error instanceof Refused) || attempt === 5) throw error;
        continue;
      }
      if (this.#closed) return;
      for (const [index, bytes] of staged) this.#table.replaceBucket(index, bytes);
      this.#time.set(offer.timeMs);
      const first = !this.#answered;
      this.#answered = true;
      if (first) this.#onAnswer();
      const { header, signedHeader } = offer;
      this.#accept({ header, signedHeader }, staged.size > 0 ? "all" : []);
      if (offer.settings !== undefined) this.#takeSettings(offer.settings);
      else this.#report("unknown");
      await this.#syncNtHashes();
      await this.#syncPeers();
      return;
    }
  }

  /** Brings them to what the header says. */
  async #syncNtHashes(): Promise<void> {
    const wanted = this.#current?.header.sections["nt-hashes"];
    if (this.#settings?.settings.services.ikev2 === undefined || wanted === undefined) {
      if (this.#ntHashes.clear()) this.#sealWriter?.later();
      return;
    }
    const outcome = await this.#ntHashes.sync(wanted);
    if (outcome === "changed") this.#sealWriter?.later();
    else if (outcome === "again") this.#schedule.now();
  }

  async #syncPeers(): Promise<void> {
    if (this.#settings?.settings.services.wireguard !== undefined)
      this.#peersChanged(await this.#peers.sync(() => this.#time.nowMs));
    else if (this.#peers.clear()) this.#peersChanged("all");
  }

  #peersChanged(changed: ChangedPeers): void {
    this.#sealWriter?.later();
    if (changed.length > 0) this.#onPeers(changed);
  }

  /** A header that answers a nonce of ours; throws Refused for any other. */
  #hello(): Promise<Offer> {
    return sayHello({
      carrier: this.#carrier,
      server: this.#server,
      trust: this.#trust,
      protocol: this.#protocol,
      seen: Math.max(this.#current?.header.version ?? 0, this.#settings?.version ?? 0),
      openHeader: (signed, timeMs) => this.#openHeader(signed, timeMs),
    });
  }

  #openHeader(signed: Uint8Array, timeMs: number): Header {
    const seen = this.#current?.header.version ?? 0;
    return openHeader(signed, this.#trust, { own: this.#protocol, seen, timeMs });
  }

  #take(message: Uint8Array): void {
    if (!this.#answered) {
      this.#schedule.soon();
      return;
    }
    if (this.#schedule.running) {
      this.#schedule.now();
      return;
    }
    if (message[0] === wire.BROADCAST.change) this.#takeChange(message.subarray(1));
    else if (message[0] === wire.BROADCAST.settings) this.#takeSettings(message.slice(1));
    else if (message[0] === wire.BROADCAST.peers) this.#takePeers(message.subarray(1));
    else throw new Refused("malformed");
  }

  #takeChange(bytes: Uint8Array): void {
    const change = wire.decodeChange(bytes);
    if (change === undefined) throw new Refused("malformed");
    const header = this.#openHeader(change.header, this.#time.nowMs);
    const version = this.#current!.header.version;
    if (header.version === version) return;
    const wanted = header.sections.credentials.digest;
    if (change.previous !== version) {
      // We missed one, and only what differs is fetched; or another office leads now, and the rows are ours already.
      if (hex(this.#table.root()) === wanted && this.#ntHashes.agrees(header))
        this.#acceptChange(header, change.header, []);
      else this.#schedule.soon();
      return;
    }
    const part = change.sections.find(({ section }) => section === "credentials");
    const operations = part ? wire.readOperations(part.operations, CREDENTIALS) : [];
    if (operations === undefined) throw new Refused("malformed");
    const undo = applyAll(this.#table, operations);
    if (hex(this.#table.root()) !== wanted) {
      undo();
      // Changes that were too many to send come as a header alone: no fault of anybody's.
      if (operations.length > 0) this.#report("digest");
      this.#schedule.soon();
      return;
    }
    const usernames = operations.map((operation) => credentialUsername(operation.bytes.subarray(0, 8)));
    // Never keeps a credential's change waiting: what does not come out right is asked for.
    if (!this.#ntHashes.apply(header, change)) this.#schedule.soon();
    this.#acceptChange(header, change.header, usernames);
  }

  #takePeers(bytes: Uint8Array): void {
    if (this.#settings?.settings.services.wireguard === undefined) return;
    const changed = this.#peers.take(bytes, this.#time.nowMs);
    // Of a change that concerns us alone nobody else asks at the same time.
    if (changed === undefined) this.#schedule.now();
    else this.#peersChanged(changed);
  }

  #acceptChange(header: Header, signedHeader: Uint8Array, changed: string[]): void {
    // A header that was held up must not turn the clock back.
    this.#time.set(Math.max(this.#time.nowMs, header.issuedAtMs));
    this.#accept({ header, signedHeader: signedHeader.slice() }, changed);
  }

  /** Settings of other servers, and ones already known, are passed over. */
  #takeSettings(signed: Uint8Array): void {
    const opened = openSettings(
      signed,
      this.#trust,
      this.#server,
      this.#settings?.version ?? 0,
      this.#protocol,
    );
    if (!opened.ok) {
      if (opened.reason === undefined) return;
      throw new Refused(opened.reason);
    }
    const { version, settings } = opened;
    if (version === this.#settings?.version) return;
    const before = this.#settings?.settings.services;
    this.#settings = { version, signed, settings };
    this.#sealWriter?.later();
    this.#onSettings(settings, signed);
    const { ikev2, wireguard } = settings.services;
    const others = (before?.ikev2 === undefined) !== (ikev2 === undefined);
    const asked = (before?.wireguard === undefined) !== (wireguard === undefined);
    // Sections that it is to have from now on, or no more; a sync that goes on sees to them at its end.
    if (this.#answered && !this.#schedule.running && (others || asked)) this.#schedule.now();
  }

  #accept(current: Current, changed: string[] | "all"): void {
    const first = this.#current === undefined || this.#outdated;
    const renewed = this.#current?.header.version !== current.header.version;
    this.#current = current;
    this.#agreedMs = this.#clock.monotonic();
    this.#outdated = false;
    if (first) this.#log("roster-accepted", { count: this.#table.size });
    if (renewed) this.#sealWriter?.later();
    if (changed.length > 0) this.#onChange(changed);
  }

  /** Runs what handles bytes from the carrier: nothing in them may end the process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Refused) this.#report(error.reason);
      else this.#log("internal-error");
    }
  }

  #report(reason: Reason): void {
    const now = this.#clock.monotonic();
    const last = this.#reported.get(reason);
    if (last !== undefined && now - last < REPORT_MS) return;
    this.#reported.set(reason, now);
    this.#log("roster-refused", { reason });
  }

  #reportOutdated(): void {
    if (this.#outdated || this.#current === undefined || this.timeMs() !== undefined) return;
    this.#outdated = true;
    this.#log("roster-outdated");
  }

  #forSeal(): SealedRoster | undefined {
    return (
      this.#current && {
        header: this.#current.signedHeader,
        settings: this.#settings?.signed,
        timeMs: this.#time.nowMs,
        uptimeMs: this.#uptimeMs(),
        table: this.#table,
        ntHashes: this.#ntHashes.sealed,
        peers: this.#peers.sealed,
      }
    );
  }

  #unseal(): void {
    const sealed = this.#seal && readSealed(this.#seal.path, this.#seal.key);
    if (sealed === undefined) return;
    this.#guarded(() => {
      const timeMs = sealed.timeMs + Math.max(0, this.#uptimeMs() - sealed.uptimeMs);
      const header = this.#openHeader(sealed.header, timeMs);
      if (hex(sealed.table.root()) !== header.sections.credentials.digest) throw new Refused("digest");
      this.#table = sealed.table;
      this.#time.set(timeMs);
      this.#accept({ header, signedHeader: sealed.header }, "all");
      if (sealed.settings !== undefined) this.#takeSettings(sealed.settings);
      this.#ntHashes.restore(sealed.ntHashes);
      if (sealed.peers === undefined) return;
      this.#peers.restore(sealed.peers, timeMs);
      this.#onPeers("all");
    });
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
