import type { TableShape } from "./packed-table.ts";

/**
 * How an exit gets what has changed in a bucket without the whole of it: it says four bytes for each row that it has, and hears
 * which of them to drop and which rows to add. The four bytes find rows, and prove nothing: the bucket's digest decides
 * afterwards, and where two rows share them the whole bucket is fetched.
 *
 * A difference:  uint16 count, that many uint16 (places in the list of what was said), then whole rows. Numbers big-endian.
 */
export const FINGERPRINT_BYTES = 4;

/** Of each row of a bucket, in their order. */
export function fingerprints(bucket: Uint8Array, rowBytes: number): Uint8Array {
  const out = Buffer.allocUnsafe((bucket.length / rowBytes) * FINGERPRINT_BYTES);
  for (let at = 0, to = 0; at < bucket.length; at += rowBytes, to += FINGERPRINT_BYTES)
    out.writeUInt32BE(fingerprint(bucket, at, at + rowBytes), to);
  return out;
}

/** FNV-1a (32 bits), which is quick and spreads well enough: some hundred rows meet in a bucket. */
function fingerprint(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/** What makes a bucket with the rows that were `said` into `bucket`. */
export function difference(bucket: Uint8Array, rowBytes: number, said: Uint8Array): Uint8Array {
  const given = Buffer.from(said.buffer, said.byteOffset, said.length);
  const places = new Map<number, number>();
  for (let at = 0; at < given.length; at += FINGERPRINT_BYTES)
    places.set(given.readUInt32BE(at), at / FINGERPRINT_BYTES);
  const kept = new Uint8Array(given.length / FINGERPRINT_BYTES);
  const added: Uint8Array[] = [];
  for (let at = 0; at < bucket.length; at += rowBytes) {
    const place = places.get(fingerprint(bucket, at, at + rowBytes));
    if (place === undefined) added.push(bucket.subarray(at, at + rowBytes));
    else kept[place] = 1;
  }
  const dropped = [...kept.keys()].filter((place) => kept[place] === 0);
  const head = Buffer.allocUnsafe(2 + 2 * dropped.length);
  head.writeUInt16BE(dropped.length);
  for (const [i, place] of dropped.entries()) head.writeUInt16BE(place, 2 + 2 * i);
  return Buffer.concat([head, ...added]);
}

/** The bucket that comes of `bucket` and a difference, in memory of its own; nothing where the bytes are no difference of it. */
export function withDifference(
  bucket: Uint8Array,
  { keyBytes, rowBytes }: TableShape,
  bytes: Uint8Array,
): Uint8Array | undefined {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (given.length < 2) return undefined;
  const addedAt = 2 + 2 * given.readUInt16BE(0);
  if (given.length < addedAt || (given.length - addedAt) % rowBytes !== 0) return undefined;
  const dropped = new Set<number>();
  for (let at = 2; at < addedAt; at += 2) dropped.add(given.readUInt16BE(at));

  const rows: Buffer[] = [];
  const ours = Buffer.from(bucket.buffer, bucket.byteOffset, bucket.length);
  for (let at = 0; at < ours.length; at += rowBytes)
    if (!dropped.has(at / rowBytes)) rows.push(ours.subarray(at, at + rowBytes));
  for (let at = addedAt; at < given.length; at += rowBytes) rows.push(given.subarray(at, at + rowBytes));
  rows.sort((a, b) => a.compare(b, 0, keyBytes, 0, keyBytes));
  const out = new Uint8Array(rows.length * rowBytes);
  for (const [i, row] of rows.entries()) out.set(row, i * rowBytes);
  return out;
}
