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
import { PackedTable, sha256 } from "./packed-table.ts";
import type { CertificateAnswer, CertificateQuestion } from "./public-certificate.ts";
import { decodeReport, type Report } from "./reports.ts";
import { Differences } from "./row-differences.ts";
import type { ServerSettings } from "./settings.ts";
import { type DocumentKind, signDocument } from "./signed.ts";
import type { SiteKey } from "./site-key.ts";
import * as wire from "./wire.ts";

/** Changes made within so long go out as one; well under the 2 s in which an exit must act. */
const GATHER_MS = 10;
const RENEW_MS = 3_600_000;
/** More operations than this are not sent one by one: the exits compare buckets. */
const MAX_OPERATIONS = 10_000;
const MAX_BUCKETS_ANSWER_BYTES = 1_000_000;
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

/** What is signed once for each protocol, when an exit that speaks it first needs it. */
class SignedByProtocol<T extends object> {
  readonly #kind: DocumentKind;
  readonly #key: SiteKey;
  readonly document: T;
  readonly #signed = new Map<Protocol, Uint8Array>();

  constructor(kind: DocumentKind, document: T, key: SiteKey) {
    this.#kind = kind;
    this.document = document;
    this.#key = key;
  }

  as(protocol: Protocol): Uint8Array {
    let signed = this.#signed.get(protocol);
    if (signed === undefined) {
      signed = signDocument(this.#kind, { ...this.document, protocol }, this.#key);
      this.#signed.set(protocol, signed);
    }
    return signed;
  }
}

/** The office's end of the link: keeps the roster, signs it, and tells the exits what changes. */
export class RosterPublisher {
  #options: PublisherOptions;
  #key: SiteKey;
  #clock: Clock;
  #carriers: OfficeCarrier[] = [];
  #log: Log;
  #table = new PackedTable(CREDENTIALS);
  #differences = new Differences();
  #settings = new Map<string, SignedByProtocol<Omit<SettingsDocument, "protocol">>>();
  /** Operations since the header; nothing where there are too many to send. */
  #operations: Uint8Array[] | undefined = [];
  /** Operations made while `replaceAllCredentials` reads; done again on the new table. */
  #sinceReplacing: wire.Operation[] | undefined;
  /** The newest version given to anything. */
  #issued = 0;
  #header: SignedByProtocol<Omit<Header, "protocol">> | undefined;
  /** Servers whose exits spoke the older protocol when they last asked. */
  #older = new Set<string>();
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
    for (const carrier of options.carriers) this.#attach(carrier);
  }

  /** How many credentials the roster holds. */
  get size(): number {
    return this.#table.size;
  }

  /** The newest version that anything of ours bears; 0 before the start. */
  get version(): number {
    return this.#issued;
  }

  /** Throws RangeError where the credential cannot stand in a row (credentials.ts). */
  setCredential(username: string, passwordDigest: Uint8Array, untilMinutes: number): void {
    this.#do({
      kind: wire.SET,
      bytes: packCredential({ username, digest: passwordDigest, until: untilMinutes }),
    });
  }

  removeCredential(username: string): void {
    const key = credentialKey(username);
    if (key !== undefined) this.#do({ kind: wire.DELETE, bytes: key });
  }

  /** From now on these and no others, except what is set or removed while they are being read. */
  async replaceAllCredentials(all: Iterable<NewCredential> | AsyncIterable<NewCredential>): Promise<void> {
    const table = new PackedTable(CREDENTIALS);
    this.#sinceReplacing = [];
    try {
      for await (const { username, passwordDigest, untilMinutes } of all) {
        table.set(packCredential({ username, digest: passwordDigest, until: untilMinutes }));
      }
      for (const operation of this.#sinceReplacing) apply(table, operation);
      this.#table = table;
      this.#operations = undefined;
      this.#gatherChanges();
    } finally {
      this.#sinceReplacing = undefined;
    }
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
      if (this.#started) this.#sendChange([carrier], this.#header!.document.version, []);
    });
  }

  async #report(bytes: Uint8Array, from: string): Promise<void> {
    const report = decodeReport(bytes);
    if (report === undefined) this.#log("totals-refused", { reason: "malformed" });
    else if (report.server !== from) this.#log("totals-refused", { reason: "foreign" });
    else await this.#onReport(report, from);
  }

  #do(operation: wire.Operation): void {
    this.#sinceReplacing?.push(operation);
    if (!apply(this.#table, operation)) return;
    this.#operations?.push(wire.operation(operation.kind, operation.bytes));
    if (this.#operations !== undefined && this.#operations.length > MAX_OPERATIONS)
      this.#operations = undefined;
    this.#gatherChanges();
  }

  #gatherChanges(): void {
    if (this.#started) this.#gather ??= setTimeout(() => this.#publish(), GATHER_MS);
  }

  /** Signs what the roster now is and tells the exits. */
  #publish(): void {
    clearTimeout(this.#gather);
    this.#gather = undefined;
    const previous = this.#header!.document.version;
    const operations = this.#operations ?? [];
    this.#signHeader();
    this.#sendChange(this.#carriers, previous, operations);
  }

  /** One message for all exits of a protocol, however many they are. */
  #sendChange(carriers: OfficeCarrier[], previous: number, operations: Uint8Array[]): void {
    const sections =
      operations.length === 0 ? [] : [{ section: "credentials", operations: Buffer.concat(operations) }];
    const protocols: Protocol[] = this.#older.size > 0 ? [PROTOCOL, 1] : [PROTOCOL];
    for (const protocol of protocols) {
      const message = wire.encodeChange({ header: this.#header!.as(protocol), previous, sections });
      for (const carrier of carriers) carrier.broadcast(message, { protocol });
    }
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
        credentials: {
          rows: this.#table.size,
          digest: hex(this.#table.root()),
          rowBytes: CREDENTIALS.rowBytes,
        },
      },
    };
    this.#header = new SignedByProtocol("header", header, this.#key);
    this.#operations = [];
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
    if (asked.section !== "credentials") throw new Error("link: no such section");
    if (this.#gather !== undefined) this.#publish();
    switch (asked.kind) {
      case "nodes":
        return this.#table.nodes();
      case "leaves":
        return Buffer.concat(asked.nodes.map((node) => this.#table.leavesOf(node)));
      case "buckets":
        return asMuchAsFits(asked.buckets, (index) => this.#table.bucket(index));
      case "rows":
        return asMuchAsFits(asked.buckets, ({ index, fingerprints }) =>
          this.#differences.of(this.#table, index, fingerprints),
        );
    }
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

/** One block for each of `asked`, as many as fit into an answer, one at least. */
function asMuchAsFits<Asked>(asked: Asked[], answerOf: (one: Asked) => Uint8Array): Uint8Array {
  const out: Uint8Array[] = [];
  let bytes = 0;
  for (const one of asked) {
    const part = answerOf(one);
    if (out.length > 0 && bytes + part.length > MAX_BUCKETS_ANSWER_BYTES) break;
    out.push(part);
    bytes += part.length;
  }
  return wire.blocks(...out);
}

/** False where nothing changed. */
function apply(table: PackedTable, operation: wire.Operation): boolean {
  if (operation.kind === wire.DELETE) return table.delete(operation.bytes);
  const key = operation.bytes.subarray(0, table.keyBytes);
  const old = table.get(key);
  if (old !== undefined && Buffer.from(old).equals(operation.bytes)) return false;
  table.set(operation.bytes);
  return true;
}

function found<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error("link: nothing there");
  return answer;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
