import { randomBytes } from "node:crypto";
import { CarrierError, type ExitCarrier } from "./carrier.ts";
import { accepts, type PeersDocument, type Protocol, peersSchema } from "./documents.ts";
import { PackedTable } from "./packed-table.ts";
import { PEERS, type Peer, unpackPeer } from "./peers.ts";
import { Refused } from "./refused.ts";
import { openDocument, type Trust } from "./signed.ts";
import { applyAll, fetchBuckets } from "./table-sync.ts";
import * as wire from "./wire.ts";

/** Public keys of peers that are not what they were; "all" where any may be another, or gone. */
export type ChangedPeers = Uint8Array[] | "all";

/** The exit's end of its own peers (peers.ts): the last state that was good. */
export class PeersReplica {
  readonly #server: string;
  readonly #trust: Trust;
  readonly #protocol: Protocol;
  readonly #carrier: ExitCarrier;
  /** Made when there is need of it. */
  #table: PackedTable | undefined;
  #current: { document: PeersDocument; signed: Uint8Array } | undefined;

  constructor(options: { server: string; trust: Trust; protocol: Protocol; carrier: ExitCarrier }) {
    this.#server = options.server;
    this.#trust = options.trust;
    this.#protocol = options.protocol;
    this.#carrier = options.carrier;
  }

  /** As they are sealed; nothing where there are none. */
  get sealed(): { signed: Uint8Array; table: PackedTable } | undefined {
    return this.#current && this.#table && { signed: this.#current.signed, table: this.#table };
  }

  /** Nothing once they have not been renewed for 72 h. */
  *all(timeMs: number): Generator<Peer> {
    if (!this.#holds(timeMs)) return;
    for (const row of this.#table?.rows() ?? []) yield unpackPeer(row);
  }

  get(publicKey: Uint8Array, timeMs: number): Peer | undefined {
    const row = this.#holds(timeMs) ? this.#table?.get(publicKey) : undefined;
    return row && unpackPeer(row);
  }

  /** True where there was something. */
  clear(): boolean {
    const had = this.#current !== undefined;
    this.#current = undefined;
    this.#table = undefined;
    return had;
  }

  /** Asks the office. Throws Refused and CarrierError; what there was then stays. */
  async sync(timeMs: () => number): Promise<ChangedPeers> {
    const staged = new Map<number, Uint8Array>();
    const table = this.#ownTable();
    for (let attempt = 1; ; attempt++) {
      const nonce = randomBytes(32).toString("base64");
      const signed = await this.#ask(nonce);
      if (signed === undefined) return [];
      const document = this.#open(signed, timeMs());
      if (document.nonce !== nonce) throw new Refused("nonce");
      if (document.version < (this.#current?.document.version ?? 0)) throw new Refused("rolled-back");
      try {
        await fetchBuckets(this.#carrier, table, "peers", document.digest, staged);
      } catch (error) {
        // They may have changed between two answers; what was fetched so far is kept.
        if (!(error instanceof Refused) || attempt === 5) throw error;
        continue;
      }
      for (const [index, bytes] of staged) table.replaceBucket(index, bytes);
      this.#current = { document, signed };
      return staged.size > 0 ? "all" : [];
    }
  }

  /** A change, as it was broadcast. Nothing where the office must be asked instead. Throws Refused. */
  take(bytes: Uint8Array, timeMs: number): ChangedPeers | undefined {
    const change = wire.decodePeers(bytes);
    if (change === undefined) throw new Refused("malformed");
    const document = this.#open(change.document, timeMs);
    // Held up on its way, or a nonce's answer, which is nobody's to send on.
    if (document.nonce !== undefined || document.version <= (this.#current?.document.version ?? 0)) return [];
    const operations = wire.readOperations(change.operations, PEERS);
    if (operations === undefined) throw new Refused("malformed");
    const table = this.#ownTable();
    const undo = applyAll(table, operations);
    if (Buffer.from(table.root()).toString("hex") !== document.digest) {
      undo();
      return undefined;
    }
    this.#current = { document, signed: new Uint8Array(change.document) };
    return operations.map(({ bytes }) => new Uint8Array(bytes.subarray(0, PEERS.keyBytes)));
  }

  /** What was sealed; throws Refused where it does not hold together. */
  restore({ signed, table }: { signed: Uint8Array; table: PackedTable }, timeMs: number): void {
    const document = this.#open(signed, timeMs);
    if (Buffer.from(table.root()).toString("hex") !== document.digest) throw new Refused("digest");
    this.#table = table;
    this.#current = { document, signed };
  }

  #ownTable(): PackedTable {
    this.#table ??= new PackedTable(PEERS);
    return this.#table;
  }

  #holds = (timeMs: number): boolean =>
    this.#current !== undefined && timeMs < this.#current.document.notAfterMs;

  /** Nothing where the office refuses: it is of an earlier version, or we ask too much of it just now. */
  async #ask(nonce: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await this.#carrier.request(wire.encodePeersRequest(nonce)));
    } catch (error) {
      if (error instanceof CarrierError && error.code === "refused") return undefined;
      throw error;
    }
  }

  #open(signed: Uint8Array, timeMs: number): PeersDocument {
    const opened = openDocument("peers", signed, this.#trust, peersSchema);
    if (!opened.ok) throw new Refused(opened.reason);
    const document = opened.value;
    if (!accepts(this.#protocol, document.protocol)) throw new Refused("protocol");
    if (document.server !== this.#server) throw new Refused("foreign");
    if (document.rowBytes !== PEERS.rowBytes) throw new Refused("protocol");
    if (document.notAfterMs <= timeMs) throw new Refused("outdated");
    return document;
  }
}
