import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { OfficeCarrier } from "./carrier.ts";
import { CREDENTIALS, credentialKey, packCredential } from "./credentials.ts";
import {
  type Answer,
  HEADER_LIFETIME_MS,
  type Header,
  PROTOCOL,
  type Protocol,
  type SettingsDocument,
} from "./documents.ts";
import { NT_HASHES, packNtHash } from "./nt-hashes.ts";
import { sha256 } from "./packed-table.ts";
import type { Peer } from "./peers.ts";
import { PeersPublisher } from "./peers-publisher.ts";
import type { CertificateAnswer, CertificateQuestion } from "./public-certificate.ts";
import { PublishedSection, type Replacement } from "./published-section.ts";
import { decodeReport, type Report } from "./reports.ts";
import type { ServerSettings } from "./settings.ts";
import { signDocument } from "./signed.ts";
import { SignedByProtocol } from "./signed-by-protocol.ts";
import type { SiteKey } from "./site-key.ts";
import * as wire from "./wire.ts";

/** Changes made within so long go out as one; well under the 2 s in which an exit must act. */
const GATHER_MS = 10;
const RENEW_MS = 3_600_000;
/** How far ahead of our clock an exit may say that a version already was. */
const MAX_AHEAD_MS = 7 * 86_400_000;

/** By how much, and how often at most, an exit's word raises the versions. */
const FOLLOW_STEP = 60_000;
const FOLLOW_EVERY_MS = 10_000;

export interface NewCredential {
  username: string;
  /** SHA-256 of the VPN password, 32 bytes. */
  passwordDigest: Uint8Array;
  /** UTC minutes since 1970. */
  untilMinutes: number;
  /** Gives MD4 of the password in UTF-16LE, 16 bytes; asked where NT hashes are kept. */
  ntHash?: () => Uint8Array;
}

export interface PublisherOptions {
  key: SiteKey;
  clock: Clock;
  carriers: OfficeCarrier[];
  log: Log;
  /** A file's bytes from `offset` on, at most wire.FILE_CHUNK_BYTES; undefined where there is no such file for exits. */
  files?: (sha256Hex: string, offset: number) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** The certificate (PEM) for a server's request, which must bear that server's name; undefined where it does not. */
  sign?: (server: string, requestPem: string) => string | undefined | Promise<string | undefined>;
  /** How it goes with a server's public certificate; undefined where it is to have none, or asks for what is not its own. */
  publicCertificate?: (server: string, question: CertificateQuestion) => CertificateAnswer | undefined;
}

/** The office's end of the link: keeps the roster, signs it, and tells the exits what changes. */
export class RosterPublisher {
  #options: PublisherOptions;
  #key: SiteKey;
  #clock: Clock;
  #carriers: OfficeCarrier[] = [];
  #log: Log;
  #credentials = new PublishedSection(CREDENTIALS);
  #ntHashes: { hashKey: Uint8Array; section: PublishedSection } | undefined;
  #peers: PeersPublisher;
  #settings = new Map<string, SignedByProtocol<Omit<SettingsDocument, "protocol">>>();
  /** The newest version given to anything. */
  #issued = 0;
  #header: SignedByProtocol<Omit<Header, "protocol">> | undefined;
  /** Servers whose exits spoke the older protocol when they last asked. */
  #older = new Set<string>();
  /** Those whose exits do not take peers, as they said when they last asked. */
  #withoutPeers = new Set<string>();
  #followedAt: number | undefined;
  #gather: NodeJS.Timeout | undefined;
  #renew: NodeJS.Timeout | undefined;
  #started = false;
  #onReport: (report: Report, from: string) => Promise<void> = async () => {};

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#key = options.key;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#peers = new PeersPublisher({ ...options, nextVersion: () => this.#nextVersion() });
    for (const carrier of options.carriers) this.#attach(carrier);
  }

  /** How many credentials the roster holds. */
  get size(): number {
    return this.#credentials.size;
  }

  /** The newest version that anything of ours bears; 0 before the start. */
  get version(): number {
    return this.#issued;
  }

  /** Throws RangeError where the credential cannot stand in a row (credentials.ts, nt-hashes.ts). */
  setCredential(
    username: string,
    passwordDigest: Uint8Array,
    untilMinutes: number,
    ntHash?: () => Uint8Array,
  ): void {
    const [row, ntRow] = this.#rowsOf({ username, passwordDigest, untilMinutes, ...(ntHash && { ntHash }) });
    this.#do({ kind: wire.SET, bytes: row });
    if (ntRow !== undefined) this.#do({ kind: wire.SET, bytes: ntRow }, this.#ntHashes?.section);
  }

  removeCredential(username: string): void {
    const bytes = credentialKey(username);
    if (bytes === undefined) return;
    this.#do({ kind: wire.DELETE, bytes });
    this.#do({ kind: wire.DELETE, bytes }, this.#ntHashes?.section);
  }

  /** From now on these and no others, except what is set or removed while they are being read. */
  async replaceAllCredentials(all: Iterable<NewCredential> | AsyncIterable<NewCredential>): Promise<void> {
    const credentials = this.#credentials.replace();
    const ntHashes = this.#ntHashes?.section.replace();
    const replaced = [credentials, ntHashes].filter((each): each is Replacement => each !== undefined);
    try {
      for await (const credential of all) {
        const [row, ntRow] = this.#rowsOf(credential);
        credentials.set(row);
        if (ntRow !== undefined) ntHashes?.set(ntRow);
      }
      for (const each of replaced) each.commit();
      this.#gatherChanges();
    } finally {
      // After `commit` it does nothing.
      for (const each of replaced) each.cancel();
    }
  }

  /**
   * From now on the roster has a section of NT hashes under this key (32 bytes), or none. True where that is another key than
   * before: the section is then empty, and every credential is to be set again.
   */
  keepNtHashes(hashKey: Uint8Array | undefined): boolean {
    const before = this.#ntHashes?.hashKey;
    if (before === hashKey || (before && hashKey && Buffer.compare(before, hashKey) === 0)) return false;
    this.#ntHashes = hashKey && { hashKey, section: new PublishedSection(NT_HASHES) };
    this.#gatherChanges();
    return hashKey !== undefined;
  }

  /** A device may come in on `server` (its name on the link). Throws RangeError where it cannot stand in a row (peers.ts). */
  setPeer(server: string, peer: Peer): void {
    this.#peers.set(server, peer);
    if (this.#peers.isChanged) this.#gatherChanges();
  }

  removePeer(server: string, publicKey: Uint8Array): void {
    this.#peers.remove(server, publicKey);
    if (this.#peers.isChanged) this.#gatherChanges();
  }

  /** From now on these devices and no others. */
  replacePeers(server: string, peers: Iterable<Peer>): void {
    this.#peers.replace(server, peers);
    this.#gatherChanges();
  }

  /** Sent to that server alone; nothing happens where they are what it has. */
  setSettings(server: string, settings: ServerSettings): void {
    if (isDeepStrictEqual(this.#settings.get(server)?.document.settings, settings)) return;
    this.#holdSettings(server, settings);
    if (this.#started) this.#sendSettings(server);
  }

  /** The server gets no settings any more; what it has stays good until it asks again. */
  removeServer(server: string): void {
    this.#settings.delete(server);
    this.#older.delete(server);
    this.#withoutPeers.delete(server);
  }

  /** An exit's news, from the server that it says it is from. Where the promise rejects, the carrier may bring it again. */
  onReport(callback: (report: Report, from: string) => Promise<void>): void {
    this.#onReport = callback;
  }

  /** One more way to exits; rejects where it cannot start. */
  async addCarrier(carrier: OfficeCarrier): Promise<void> {
    this.#attach(carrier);
    if (this.#started) await carrier.start();
  }

  /** No longer spoken to, and closed. */
  async removeCarrier(carrier: OfficeCarrier): Promise<void> {
    this.#carriers = this.#carriers.filter((each) => each !== carrier);
    await carrier.close();
  }

  /** From now on every version is above `floor`: another office has given that one, or a backup was restored. */
  raiseVersion(floor: number): void {
    if (floor <= this.#issued) return;
    this.#issued = floor;
    if (!this.#started) return;
    this.#publish();
    this.#renewSettings();
  }

  /** Rejects where a carrier cannot start. Call it when the roster is complete: exits take it as it is then. */
  async start(): Promise<void> {
    this.#credentials.takeOperations();
    this.#ntHashes?.section.takeOperations();
    this.#peers.takeChanges();
    this.#signHeader();
    this.#started = true;
    this.#renew = setInterval(() => this.#publish(), RENEW_MS);
    this.#renew.unref();
    await Promise.all(this.#carriers.map((carrier) => carrier.start()));
  }

  async close(): Promise<void> {
    if (this.#gather !== undefined) this.#publish();
    clearInterval(this.#renew);
    this.#started = false;
    await Promise.all(this.#carriers.map((carrier) => carrier.close()));
  }

  #attach(carrier: OfficeCarrier): void {
    this.#carriers.push(carrier);
    carrier.serve((request, from) => this.#answer(request, from));
    carrier.onReport((bytes, from) => this.#report(bytes, from));
    carrier.onResumed(() => {
      // The header alone: whoever has missed nothing takes it as it is, the others ask.
      if (!this.#started) return;
      this.#sendChange([carrier], this.#header!.document.version, []);
      for (const { server, message } of this.#peers.reminders()) this.#sendPeers([carrier], server, message);
    });
  }

  async #report(bytes: Uint8Array, from: string): Promise<void> {
    const report = decodeReport(bytes);
    if (report === undefined) this.#log("totals-refused", { reason: "malformed" });
    else if (report.server !== from) this.#log("totals-refused", { reason: "foreign" });
    else await this.#onReport(report, from);
  }

  #rowsOf(credential: NewCredential): [Uint8Array, Uint8Array | undefined] {
    const { username, passwordDigest: digest, untilMinutes: until, ntHash } = credential;
    const row = packCredential({ username, digest, until });
    if (this.#ntHashes === undefined || ntHash === undefined) return [row, undefined];
    return [row, packNtHash(this.#ntHashes.hashKey, { username, digest, ntHash: ntHash() })];
  }

  #do(operation: wire.Operation, section: PublishedSection | undefined = this.#credentials): void {
    if (section?.do(operation)) this.#gatherChanges();
  }

  #gatherChanges(): void {
    if (this.#started) this.#gather ??= setTimeout(() => this.#publish(), GATHER_MS);
  }

  /** Signs what the roster now is and tells the exits. */
  #publish(): void {
    clearTimeout(this.#gather);
    this.#gather = undefined;
    const previous = this.#header!.document.version;
    const sections = [
      { section: "credentials", operations: this.#credentials.takeOperations() },
      { section: "nt-hashes", operations: this.#ntHashes?.section.takeOperations() ?? new Uint8Array(0) },
    ];
    this.#signHeader();
    const changed = sections.filter(({ operations }) => operations.length > 0);
    this.#sendChange(this.#carriers, previous, changed);
    for (const { server, message } of this.#peers.takeChanges())
      this.#sendPeers(this.#carriers, server, message);
  }

  /** One message for all exits of a protocol, however many they are. */
  #sendChange(carriers: OfficeCarrier[], previous: number, sections: wire.Change["sections"]): void {
    const protocols: Protocol[] = this.#older.size > 0 ? [PROTOCOL, 1] : [PROTOCOL];
    for (const protocol of protocols) {
      const message = wire.encodeChange({ header: this.#header!.as(protocol), previous, sections });
      for (const carrier of carriers) carrier.broadcast(message, { protocol });
    }
  }

  #sendPeers(carriers: OfficeCarrier[], server: string, message: Uint8Array): void {
    if (this.#withoutPeers.has(server)) return;
    for (const carrier of carriers) carrier.broadcast(message, { server });
  }

  #sendSettings(server: string): void {
    const protocol = this.#older.has(server) ? 1 : PROTOCOL;
    const signed = this.#settings.get(server)!.as(protocol);
    const message = Buffer.concat([Buffer.of(wire.BROADCAST.settings), signed]);
    for (const carrier of this.#carriers) carrier.broadcast(message, { server, protocol });
  }

  #holdSettings(server: string, settings: ServerSettings): void {
    const document = { server, version: this.#nextVersion(), issuedAtMs: this.#clock.now(), settings };
    this.#settings.set(server, new SignedByProtocol("settings", document, this.#key));
  }

  /** The same settings under newer versions, for exits to take when they ask. */
  #renewSettings(): void {
    for (const [server, { document }] of this.#settings) this.#holdSettings(server, document.settings);
  }

  #signHeader(): void {
    const issuedAtMs = this.#clock.now();
    const header = {
      version: this.#nextVersion(),
      issuedAtMs,
      notAfterMs: issuedAtMs + HEADER_LIFETIME_MS,
      sections: {
        credentials: this.#credentials.summary,
        ...(this.#ntHashes && { "nt-hashes": this.#ntHashes.section.summary }),
      },
    };
    this.#header = new SignedByProtocol("header", header, this.#key);
  }

  /** Rises always, also over restarts and over two changes in one millisecond, without being stored. */
  #nextVersion(): number {
    this.#issued = Math.max(this.#issued + 1, this.#clock.now());
    return this.#issued;
  }

  async #answer(request: Uint8Array, from: string): Promise<Uint8Array> {
    const asked = wire.decodeRequest(request);
    if (asked === undefined || !this.#started) throw new Error("link: no such request");
    switch (asked.kind) {
      case "hello":
        return this.#hello(asked.hello, from);
      case "file":
        return found(await this.#options.files?.(asked.sha256, asked.offset));
      case "certificate":
        return Buffer.from(found(await this.#options.sign?.(from, asked.request)));
      case "public-certificate":
        return Buffer.from(JSON.stringify(found(this.#options.publicCertificate?.(from, asked.question))));
    }
    if (this.#gather !== undefined) this.#publish();
    if (asked.kind === "peers") return this.#peers.document(from, asked.nonce);
    if (asked.section === "credentials") return this.#credentials.answer(asked);
    if (asked.section === "nt-hashes") return found(this.#ntHashes).section.answer(asked);
    if (asked.section === "peers") return this.#peers.answer(from, asked);
    throw new Error("link: no such section");
  }

  /**
   * Our clock was ahead before a restart: exits would refuse every lower version as rolled back. What they have seen lies close
   * together, so one step takes all of them in; and an exit that is not ours any more cannot make us tell all others something
   * with each of its requests.
   */
  #follow(seen: number): void {
    const now = this.#clock.monotonic();
    if (seen <= this.#issued || seen >= this.#clock.now() + MAX_AHEAD_MS) return;
    if (this.#followedAt !== undefined && now - this.#followedAt < FOLLOW_EVERY_MS) return;
    this.#followedAt = now;
    this.raiseVersion(seen + FOLLOW_STEP);
  }

  #hello(hello: wire.Hello, from: string): Uint8Array {
    if (hello.server !== from) throw new Error("link: another server's name");
    if (hello.protocol < 1) throw new Error("link: no such protocol");
    if (this.#gather !== undefined) this.#publish();
    this.#follow(hello.seen);
    if (hello.sections?.includes("peers")) this.#withoutPeers.delete(from);
    else this.#withoutPeers.add(from);

    // One that is newer than we are reads our documents, which are then of the protocol before its own.
    const protocol = hello.protocol === 1 ? 1 : PROTOCOL;
    if (protocol === 1) this.#older.add(from);
    else this.#older.delete(from);
    const header = this.#header!.as(protocol);
    const settings = this.#settings.get(from)?.as(protocol);
    const answer: Answer = {
      protocol,
      nonce: hello.nonce,
      server: from,
      issuedAtMs: this.#clock.now(),
      headerDigest: hex(sha256(header)),
      settingsDigest: settings === undefined ? null : hex(sha256(settings)),
    };
    return wire.blocks(header, settings ?? new Uint8Array(0), signDocument("answer", answer, this.#key));
  }
}

function found<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error("link: nothing there");
  return answer;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
