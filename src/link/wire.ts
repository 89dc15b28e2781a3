import { BUCKET_COUNT, DIGEST_BYTES, NODE_COUNT } from "./packed-table.ts";
import { type CertificateQuestion, readCertificateQuestion } from "./public-certificate.ts";
import { FINGERPRINT_BYTES } from "./row-differences.ts";

/**
 * What exits ask and what the office says, as bytes. Requests, each followed by its answer:
 *
 *   1 hello    JSON {protocol, nonce, server, seen, sections}
 *                                                      → three blocks: header, settings or nothing, answer (documents.ts)
 *   2 nodes    name                                    → 64 node digests of that section
 *   3 leaves   name, then node indices (uint8 each)    → 64 leaf digests for each
 *   4 buckets  name, then bucket indices (uint16 each) → one block a bucket: the first so many as fit, one at least
 *   5 file     SHA-256 of the file, uint32 offset      → its bytes from there on, at most FILE_CHUNK_BYTES; none at its end
 *   6 certificate  a PKCS #10 request, PEM             → the certificate, PEM
 *   7 rows     name, then for each bucket its index (uint16) and a block of its rows' fingerprints (row-differences.ts)
 *                                                      → one block a bucket, a difference: the first so many as fit, one at least
 *   8 public certificate  JSON (public-certificate.ts) → JSON
 *   9 peers    a nonce, base64                         → the signed document of the asking server's peers (documents.ts)
 *
 * Broadcasts:
 *
 *   1 change    block header; uint64 version before it; then for each section with changed rows: name, block of operations
 *   2 settings  a signed settings document
 *   3 peers     block signed document; block of operations on that server's peers, which it alone hears of
 *
 * The section `peers` is the asking server's own; `credentials` and `nt-hashes` are everybody's.
 *
 * block = uint32 length, bytes; name = uint8 length, ASCII; operation = 1, row | 2, key. All numbers big-endian.
 * Nothing here is trusted for being well formed: the signature of the header decides, over the digest of the result.
 */
export const REQUEST = {
  hello: 1,
  nodes: 2,
  leaves: 3,
  buckets: 4,
  file: 5,
  certificate: 6,
  rows: 7,
  publicCertificate: 8,
  peers: 9,
} as const;
export const BROADCAST = { change: 1, settings: 2, peers: 3 } as const;
/** What goes over the link at once; between two chunks other answers get their turn. */
export const FILE_CHUNK_BYTES = 1_000_000;
const MAX_REQUEST_PEM_BYTES = 8192;
export const SET = 1;
export const DELETE = 2;

export const blocks = (...parts: Uint8Array[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );

/** Nothing where the bytes are no whole blocks. */
export function readBlocks(bytes: Uint8Array): Uint8Array[] | undefined {
  const out: Uint8Array[] = [];
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at < view.length) {
    if (view.length - at < 4) return undefined;
    const length = view.readUInt32BE(at);
    at += 4;
    if (view.length - at < length) return undefined;
    out.push(view.subarray(at, at + length));
    at += length;
  }
  return out;
}

export interface Hello {
  protocol: number;
  /** base64 of 32 random bytes. */
  nonce: string;
  server: string;
  /** The newest header version the exit has accepted, 0 for none. */
  seen: number;
  /** Which sections of its own, beside everybody's, the exit takes; an exit of an earlier version says none. */
  sections?: string[];
}

export const encodeHello = (hello: Hello): Uint8Array =>
  Buffer.concat([Buffer.of(REQUEST.hello), Buffer.from(JSON.stringify(hello))]);

export const encodeNodesRequest = (section: string): Uint8Array =>
  Buffer.concat([Buffer.of(REQUEST.nodes), name(section)]);

export const encodeLeavesRequest = (section: string, nodes: number[]): Uint8Array =>
  Buffer.concat([Buffer.of(REQUEST.leaves), name(section), Buffer.from(nodes)]);

export function encodeBucketsRequest(section: string, buckets: number[]): Uint8Array {
  const indices = Buffer.allocUnsafe(buckets.length * 2);
  for (const [i, bucket] of buckets.entries()) indices.writeUInt16BE(bucket, i * 2);
  return Buffer.concat([Buffer.of(REQUEST.buckets), name(section), indices]);
}

/** What is said of one bucket of a `rows` request. */
export interface SaidBucket {
  index: number;
  fingerprints: Uint8Array;
}

export const encodeRowsRequest = (section: string, buckets: SaidBucket[]): Uint8Array =>
  Buffer.concat([
    Buffer.of(REQUEST.rows),
    name(section),
    ...buckets.flatMap(({ index, fingerprints }) => [
      Buffer.of(index >> 8, index & 255),
      blocks(fingerprints),
    ]),
  ]);

export function encodeFileRequest(sha256: Uint8Array, offset: number): Uint8Array {
  const at = Buffer.allocUnsafe(4);
  at.writeUInt32BE(offset);
  return Buffer.concat([Buffer.of(REQUEST.file), sha256, at]);
}

export const encodeCertificateRequest = (pem: string): Uint8Array =>
  Buffer.concat([Buffer.of(REQUEST.certificate), Buffer.from(pem)]);

export const encodeCertificateQuestion = (question: CertificateQuestion): Uint8Array =>
  Buffer.concat([Buffer.of(REQUEST.publicCertificate), Buffer.from(JSON.stringify(question))]);

export const encodePeersRequest = (nonce: string): Uint8Array =>
  Buffer.concat([Buffer.of(REQUEST.peers), Buffer.from(nonce)]);

export type Request =
  | { kind: "hello"; hello: Hello }
  | { kind: "nodes"; section: string }
  | { kind: "leaves"; section: string; nodes: number[] }
  | { kind: "buckets"; section: string; buckets: number[] }
  | { kind: "rows"; section: string; buckets: SaidBucket[] }
  | { kind: "file"; sha256: string; offset: number }
  | { kind: "certificate"; request: string }
  | { kind: "public-certificate"; question: CertificateQuestion }
  | { kind: "peers"; nonce: string };

/** Nothing where the bytes are no request. */
export function decodeRequest(bytes: Uint8Array): Request | undefined {
  if (bytes[0] === REQUEST.hello) {
    const hello = parseHello(bytes.subarray(1));
    return hello && { kind: "hello", hello };
  }
  if (bytes[0] === REQUEST.file) return readFileRequest(bytes.subarray(1));
  if (bytes[0] === REQUEST.certificate) {
    const request = Buffer.from(bytes.subarray(1)).toString("latin1");
    const good = bytes.length <= MAX_REQUEST_PEM_BYTES && /^[\x20-\x7e\n]+$/.test(request);
    return good ? { kind: "certificate", request } : undefined;
  }
  if (bytes[0] === REQUEST.publicCertificate) {
    const question = readCertificateQuestion(bytes.subarray(1));
    return question && { kind: "public-certificate", question };
  }
  if (bytes[0] === REQUEST.peers) {
    const nonce = Buffer.from(bytes.subarray(1)).toString("latin1");
    return /^[A-Za-z0-9+/]{43}=$/.test(nonce) ? { kind: "peers", nonce } : undefined;
  }
  const named = readName(bytes.subarray(1));
  if (named === undefined) return undefined;
  const { section, rest } = named;
  if (bytes[0] === REQUEST.nodes) return rest.length === 0 ? { kind: "nodes", section } : undefined;
  if (bytes[0] === REQUEST.leaves) {
    const nodes = [...rest];
    const good = nodes.length <= NODE_COUNT && nodes.every((node) => node < NODE_COUNT);
    return good ? { kind: "leaves", section, nodes } : undefined;
  }
  if (bytes[0] === REQUEST.rows) return readRowsRequest(section, rest);
  if (bytes[0] !== REQUEST.buckets || rest.length % 2 !== 0 || rest.length > BUCKET_COUNT * 2)
    return undefined;
  const buckets: number[] = [];
  for (let at = 0; at < rest.length; at += 2) buckets.push((rest[at]! << 8) | rest[at + 1]!);
  return buckets.every((bucket) => bucket < BUCKET_COUNT) ? { kind: "buckets", section, buckets } : undefined;
}

function readRowsRequest(section: string, bytes: Uint8Array): Request | undefined {
  const buckets: SaidBucket[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const index = (rest[0]! << 8) | (rest[1] ?? 0);
    const said = takeBlock(rest.subarray(2));
    if (said === undefined || index >= BUCKET_COUNT || buckets.length >= BUCKET_COUNT) return undefined;
    // A place is told as a uint16.
    if (said.block.length % FINGERPRINT_BYTES !== 0 || said.block.length > 0xffff * FINGERPRINT_BYTES)
      return undefined;
    buckets.push({ index, fingerprints: said.block });
    rest = said.rest;
  }
  return { kind: "rows", section, buckets };
}

function readFileRequest(bytes: Uint8Array): Request | undefined {
  if (bytes.length !== 36) return undefined;
  const view = Buffer.from(bytes);
  return { kind: "file", sha256: view.toString("hex", 0, 32), offset: view.readUInt32BE(32) };
}

export interface Change {
  header: Uint8Array;
  /** The version of the header before this change. */
  previous: number;
  sections: { section: string; operations: Uint8Array }[];
}

export function encodeChange(change: Change): Uint8Array {
  const previous = Buffer.allocUnsafe(8);
  previous.writeBigUInt64BE(BigInt(change.previous));
  const sections = change.sections.flatMap((part) => [name(part.section), blocks(part.operations)]);
  return Buffer.concat([Buffer.of(BROADCAST.change), blocks(change.header), previous, ...sections]);
}

/** `bytes` without the first. Nothing where they are no change. */
export function decodeChange(bytes: Uint8Array): Change | undefined {
  const first = takeBlock(bytes);
  if (first === undefined || first.rest.length < 8) return undefined;
  const previous = Buffer.from(first.rest.subarray(0, 8)).readBigUInt64BE();
  if (previous > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const sections: Change["sections"] = [];
  let rest = first.rest.subarray(8);
  while (rest.length > 0) {
    const named = readName(rest);
    const block = named && takeBlock(named.rest);
    if (named === undefined || block === undefined) return undefined;
    sections.push({ section: named.section, operations: block.block });
    rest = block.rest;
  }
  return { header: first.block, previous: Number(previous), sections };
}

export interface PeersChange {
  /** Signed. */
  document: Uint8Array;
  /** None where they are too many to tell, or where nobody should have missed any. */
  operations: Uint8Array;
}

export const encodePeers = ({ document, operations }: PeersChange): Uint8Array =>
  Buffer.concat([Buffer.of(BROADCAST.peers), blocks(document, operations)]);

/** `bytes` without the first. Nothing where they are no such change. */
export function decodePeers(bytes: Uint8Array): PeersChange | undefined {
  const [document, operations, ...more] = readBlocks(bytes) ?? [];
  if (document === undefined || operations === undefined || more.length > 0) return undefined;
  return { document, operations };
}

export interface Operation {
  kind: typeof SET | typeof DELETE;
  /** The row, or the key. */
  bytes: Uint8Array;
}

/** Nothing where the bytes are no whole operations. */
export function readOperations(
  bytes: Uint8Array,
  shape: { keyBytes: number; rowBytes: number },
): Operation[] | undefined {
  const out: Operation[] = [];
  let at = 0;
  while (at < bytes.length) {
    const kind = bytes[at];
    if (kind !== SET && kind !== DELETE) return undefined;
    const end = at + 1 + (kind === SET ? shape.rowBytes : shape.keyBytes);
    if (end > bytes.length) return undefined;
    out.push({ kind, bytes: bytes.subarray(at + 1, end) });
    at = end;
  }
  return out;
}

export const operation = (kind: Operation["kind"], bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.of(kind), bytes]);

/** The digests `bytes` is made of, or nothing where there are not `count`. */
export function splitDigests(bytes: Uint8Array, count: number): Uint8Array[] | undefined {
  if (bytes.length !== count * DIGEST_BYTES) return undefined;
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES));
}

const name = (section: string): Uint8Array =>
  Buffer.concat([Buffer.of(section.length), Buffer.from(section, "latin1")]);

function readName(bytes: Uint8Array): { section: string; rest: Uint8Array } | undefined {
  const length = bytes[0];
  if (length === undefined || length === 0 || length > 32 || bytes.length < 1 + length) return undefined;
  return {
    section: Buffer.from(bytes.subarray(1, 1 + length)).toString("latin1"),
    rest: bytes.subarray(1 + length),
  };
}

function takeBlock(bytes: Uint8Array): { block: Uint8Array; rest: Uint8Array } | undefined {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (bytes.length - 4 < length) return undefined;
  return { block: bytes.subarray(4, 4 + length), rest: bytes.subarray(4 + length) };
}

function parseHello(bytes: Uint8Array): Hello | undefined {
  if (bytes.length > 1000) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { protocol, nonce, server, seen, sections } = json as Record<string, unknown>;
  if (typeof protocol !== "number" || typeof nonce !== "string" || typeof server !== "string")
    return undefined;
  if (!Number.isSafeInteger(seen) || (seen as number) < 0) return undefined;
  const hello = { protocol, nonce, server, seen: seen as number };
  if (sections === undefined) return hello;
  if (!Array.isArray(sections) || !sections.every((each) => typeof each === "string")) return undefined;
  return { ...hello, sections };
}
