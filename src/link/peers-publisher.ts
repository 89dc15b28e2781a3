import type { Clock } from "../lib/clock.ts";
import { HEADER_LIFETIME_MS, type PeersDocument, PROTOCOL } from "./documents.ts";
import { PEERS, type Peer, packPeer } from "./peers.ts";
import { PublishedSection, type SectionQuestion } from "./published-section.ts";
import { signDocument } from "./signed.ts";
import type { SiteKey } from "./site-key.ts";
import * as wire from "./wire.ts";

/** Most servers' as long as nobody has a device there; a table of its own takes 0.2 MB. */
const NONE = new PublishedSection(PEERS);

/** The office's peers of each server: a table a server, of which that server alone hears. Names are those of the link. */
export class PeersPublisher {
  readonly #key: SiteKey;
  readonly #clock: Clock;
  readonly #nextVersion: () => number;
  readonly #sections = new Map<string, PublishedSection>();
  readonly #changed = new Set<string>();

  constructor(options: { key: SiteKey; clock: Clock; nextVersion: () => number }) {
    this.#key = options.key;
    this.#clock = options.clock;
    this.#nextVersion = options.nextVersion;
  }

  /** Throws RangeError where the peer cannot stand in a row. */
  set(server: string, peer: Peer): void {
    this.#do(server, { kind: wire.SET, bytes: packPeer(peer) });
  }

  remove(server: string, publicKey: Uint8Array): void {
    if (publicKey.length !== PEERS.keyBytes || !this.#sections.has(server)) return;
    this.#do(server, { kind: wire.DELETE, bytes: publicKey });
  }

  replace(server: string, peers: Iterable<Peer>): void {
    const replacement = this.#ownOf(server).replace();
    try {
      for (const peer of peers) replacement.set(packPeer(peer));
    } catch (error) {
      replacement.cancel();
      throw error;
    }
    replacement.commit();
    this.#changed.add(server);
  }

  /** How many peers a server has. */
  size(server: string): number {
    return this.#sections.get(server)?.size ?? 0;
  }

  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** What is to be told to whom, of what has changed since the last call. */
  takeChanges(): { server: string; message: Uint8Array }[] {
    const changes = [...this.#changed].map((server) => ({
      server,
      message: this.#message(server, this.#ownOf(server).takeOperations()),
    }));
    this.#changed.clear();
    return changes;
  }

  /** The same for all servers, without what has changed: who has missed nothing sees it by the digest. */
  reminders(): { server: string; message: Uint8Array }[] {
    return [...this.#sections.keys()].map((server) => ({
      server,
      message: this.#message(server, new Uint8Array(0)),
    }));
  }

  /** The document that answers a server's nonce. */
  document(server: string, nonce: string): Uint8Array {
    return this.#sign(server, nonce);
  }

  answer(server: string, asked: SectionQuestion): Uint8Array {
    return this.#of(server).answer(asked);
  }

  #message(server: string, operations: Uint8Array): Uint8Array {
    return wire.encodePeers({ document: this.#sign(server, undefined), operations });
  }

  #sign(server: string, nonce: string | undefined): Uint8Array {
    const issuedAtMs = this.#clock.now();
    const document: PeersDocument = {
      protocol: PROTOCOL,
      server,
      version: this.#nextVersion(),
      issuedAtMs,
      notAfterMs: issuedAtMs + HEADER_LIFETIME_MS,
      ...this.#of(server).summary,
      ...(nonce !== undefined && { nonce }),
    };
    return signDocument("peers", document, this.#key);
  }

  #do(server: string, operation: wire.Operation): void {
    if (this.#ownOf(server).do(operation)) this.#changed.add(server);
  }

  #of = (server: string): PublishedSection => this.#sections.get(server) ?? NONE;

  #ownOf(server: string): PublishedSection {
    let section = this.#sections.get(server);
    if (section === undefined) {
      section = new PublishedSection(PEERS);
      this.#sections.set(server, section);
    }
    return section;
  }
}
