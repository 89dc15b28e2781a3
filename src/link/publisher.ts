import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { OfficeCarrier } from "./carrier.ts";
import { CREDENTIALS, credentialKey, packCredential } from "./credentials.ts";
import {
  type Answer,
  HEADER_LIFETIME_MS,
  type Header,
  PROTOCOL,
  type SettingsDocument,
} from "./documents.ts";
import { PackedTable, sha256 } from "./packed-table.ts";
import type { ServerSettings } from "./settings.ts";
import { signDocument } from "./signed.ts";
import type { SiteKey } from "./site-key.ts";
import { decodeTotals, type Totals } from "./totals.ts";
import * as wire from "./wire.ts";

/** Changes made within so long go out as one; well under the 2 s in which an exit must act. */
const GATHER_MS = 10;
const RENEW_MS = 3_600_000;
/** More operations than this are not sent one by one: the exits compare buckets. */
const MAX_OPERATIONS = 10_000;
const MAX_BUCKETS_ANSWER_BYTES = 1_000_000;
/** How far ahead of our clock an exit may say that a version already was. */
const MAX_AHEAD_MS = 7 * 86_400_000;

export interface NewCredential {
  username: string;
  /** SHA-256 of the VPN password, 32 bytes. */
  passwordDigest: Uint8Array;
  /** UTC minutes since 1970. */
  untilMinutes: number;
}

/** The office's end of the link: keeps the roster, signs it, and tells the exits what changes. */
export class RosterPublisher {
  #key: SiteKey;
  #clock: Clock;
  #carrier: OfficeCarrier;
  #log: Log;
  #table = new PackedTable(CREDENTIALS);
  #settings = new Map<string, { settings: ServerSettings; signed: Uint8Array }>();
  /** Operations since the header; nothing where there are too many to send. */
  #operations: Uint8Array[] | undefined = [];
  /** Operations made while `replaceAllCredentials` reads; done again on the new table. */
  #sinceReplacing: wire.Operation[] | undefined;
  /** The newest version given to anything. */
  #issued = 0;
  /** The header's. */
  #version = 0;
  #header: Uint8Array = new Uint8Array(0);
  #gather: NodeJS.Timeout | undefined;
  #renew: NodeJS.Timeout | undefined;
  #started = false;
  #onTotals: (totals: Totals) => void = () => {};

  constructor(options: { key: SiteKey; clock: Clock; carrier: OfficeCarrier; log: Log }) {
    this.#key = options.key;
    this.#clock = options.clock;
    this.#carrier = options.carrier;
    this.#log = options.log;
    this.#carrier.serve((request) => this.#answer(request));
    this.#carrier.onTotals((bytes) => {
      const totals = decodeTotals(bytes);
      if (totals === undefined) this.#log("totals-refused", { reason: "malformed" });
      else this.#onTotals(totals);
    });
  }

  /** How many credentials the roster holds. */
  get size(): number {
    return this.#table.size;
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

  setSettings(server: string, settings: ServerSettings): void {
    const signed = this.#signSettings(server, settings);
    if (this.#started) this.#carrier.broadcast(Buffer.concat([Buffer.of(wire.BROADCAST.settings), signed]));
  }

  /** The server gets no settings any more; what it has stays good until it asks again. */
  removeServer(server: string): void {
    this.#settings.delete(server);
  }

  onTotals(callback: (totals: Totals) => void): void {
    this.#onTotals = callback;
  }

  /** Rejects where the carrier cannot start. Call it when the roster is complete: exits take it as it is then. */
  async start(): Promise<void> {
    this.#signHeader();
    this.#started = true;
    this.#renew = setInterval(() => this.#publish(), RENEW_MS);
    this.#renew.unref();
    await this.#carrier.start();
  }

  async close(): Promise<void> {
    if (this.#gather !== undefined) this.#publish();
    clearInterval(this.#renew);
    this.#started = false;
    await this.#carrier.close();
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
    const previous = this.#version;
    const operations = this.#operations ?? [];
    this.#signHeader();
    const sections =
      operations.length === 0 ? [] : [{ section: "credentials", operations: Buffer.concat(operations) }];
    this.#carrier.broadcast(wire.encodeChange({ header: this.#header, previous, sections }));
  }

  #signSettings(server: string, settings: ServerSettings): Uint8Array {
    const document: SettingsDocument = {
      protocol: PROTOCOL,
      server,
      version: this.#nextVersion(),
      issuedAtMs: this.#clock.now(),
      settings,
    };
    const signed = signDocument("settings", document, this.#key);
    this.#settings.set(server, { settings, signed });
    return signed;
  }

  #signHeader(): void {
    const issuedAtMs = this.#clock.now();
    const header: Header = {
      protocol: PROTOCOL,
      version: this.#nextVersion(),
      issuedAtMs,
      notAfterMs: issuedAtMs + HEADER_LIFETIME_MS,
      sections: {
        credentials: {
          rows: this.#table.size,
          digest: Buffer.from(this.#table.root()).toString("hex"),
          rowBytes: CREDENTIALS.rowBytes,
        },
      },
    };
    this.#version = header.version;
    this.#header = signDocument("header", header, this.#key);
    this.#operations = [];
  }

  /** Rises always, also over restarts and over two changes in one millisecond, without being stored. */
  #nextVersion(): number {
    this.#issued = Math.max(this.#issued + 1, this.#clock.now());
    return this.#issued;
  }

  #answer(request: Uint8Array): Uint8Array {
    const asked = wire.decodeRequest(request);
    if (asked === undefined || !this.#started) throw new Error("link: no such request");
    if (asked.kind === "hello") return this.#hello(asked.hello);
    if (asked.section !== "credentials") throw new Error("link: no such section");
    if (this.#gather !== undefined) this.#publish();
    switch (asked.kind) {
      case "nodes":
        return this.#table.nodes();
      case "leaves":
        return Buffer.concat(asked.nodes.map((node) => this.#table.leavesOf(node)));
      case "buckets":
        return this.#buckets(asked.buckets);
    }
  }

  #hello(hello: wire.Hello): Uint8Array {
    if (this.#gather !== undefined) this.#publish();
    if (hello.seen > this.#issued && hello.seen < this.#clock.now() + MAX_AHEAD_MS) {
      // Our clock was ahead before a restart: the exit would refuse every lower version as rolled back.
      this.#issued = hello.seen;
      this.#signHeader();
      for (const [server, { settings }] of this.#settings) this.#signSettings(server, settings);
    }
    const settings = this.#settings.get(hello.server)?.signed;
    const answer: Answer = {
      protocol: PROTOCOL,
      nonce: hello.nonce,
      server: hello.server,
      issuedAtMs: this.#clock.now(),
      headerDigest: hex(sha256(this.#header)),
      settingsDigest: settings === undefined ? null : hex(sha256(settings)),
    };
    return wire.blocks(
      this.#header,
      settings ?? new Uint8Array(0),
      signDocument("answer", answer, this.#key),
    );
  }

  #buckets(indices: number[]): Uint8Array {
    const out: Uint8Array[] = [];
    let bytes = 0;
    for (const index of indices) {
      const bucket = this.#table.bucket(index);
      if (out.length > 0 && bytes + bucket.length > MAX_BUCKETS_ANSWER_BYTES) break;
      out.push(bucket);
      bytes += bucket.length;
    }
    return wire.blocks(...out);
  }
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

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
