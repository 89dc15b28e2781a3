import type { PackedTable, TableShape } from "./packed-table.ts";

/**
 * How an exit gets what has changed in a bucket without the whole of it: it says four bytes for each row that it has, and hears
 * which of them to drop and which rows to add. The four bytes find rows, and prove nothing: the bucket's digest decides
 * afterwards, and where two rows share them the whole bucket is fetched.
 *
 * A difference:  uint16 count, that many uint16 (places in the list of what was said), then whole rows. Numbers big-endian.
 */
export const FINGERPRINT_BYTES = 4;
/** So far ahead a row is looked for that is not where it is expected; one that is farther is dropped and sent again. */
const LOOK_AHEAD = 32;

/** Of each row of a bucket, in their order. */
export function fingerprints(bucket: Uint8Array, rowBytes: number): Uint8Array {
  const out = Buffer.allocUnsafe((bucket.length / rowBytes) * FINGERPRINT_BYTES);
  for (let at = 0, to = 0; at < bucket.length; at += rowBytes, to += FINGERPRINT_BYTES)
    out.writeUInt32BE(fingerprint(bucket, at, at + rowBytes), to);
  return out;
}

/** FNV-1a (32 bits) over words of four bytes. Each step is one-to-one: rows that differ in one word alone never share theirs. */
function fingerprint(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    hash = Math.imul(hash ^ word, 0x01000193);
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/**
 * The office's side of it. After an outage all exits ask about much the same buckets: their fingerprints are kept, four bytes a
 * row, until the bucket is another.
 */
export class Differences {
  readonly #known = new Map<number, { leaf: Buffer; fingerprints: Uint32Array }>();

  /** What makes a bucket with the rows that were `said` into the table's. */
  of(table: PackedTable, index: number, said: Uint8Array): Uint8Array {
    const { rowBytes } = table;
    const bucket = table.bucket(index);
    const ours = this.#fingerprintsOf(table, index);
    const theirs = numbers(said);
    const dropped: number[] = [];
    const added: Uint8Array[] = [];
    // Both are in the order of their keys. However the two are laid side by side, what is not matched is dropped or added.
    let i = 0;
    let j = 0;
    while (i < theirs.length || j < ours.length) {
      if (i < theirs.length && j < ours.length && theirs[i] === ours[j]) {
        i++;
        j++;
        continue;
      }
      const nextOurs = i < theirs.length ? ahead(ours, j, theirs[i]!) : ours.length;
      const nextTheirs = j < ours.length ? ahead(theirs, i, ours[j]!) : theirs.length;
      const [toTheirs, toOurs] =
        nextOurs !== undefined && nextOurs - j <= (nextTheirs ?? Number.POSITIVE_INFINITY) - i
          ? [i, nextOurs]
          : nextTheirs !== undefined
            ? [nextTheirs, j]
            : [i + 1, j + 1];
      for (; i < toTheirs; i++) dropped.push(i);
      for (; j < toOurs; j++) added.push(bucket.subarray(j * rowBytes, (j + 1) * rowBytes));
    }
    const head = Buffer.allocUnsafe(2 + 2 * dropped.length);
    head.writeUInt16BE(dropped.length);
    for (const [at, place] of dropped.entries()) head.writeUInt16BE(place, 2 + 2 * at);
    return Buffer.concat([head, ...added]);
  }

  #fingerprintsOf(table: PackedTable, index: number): Uint32Array {
    const leaf = table.leaf(index);
    const known = this.#known.get(index);
    if (known?.leaf.equals(leaf)) return known.fingerprints;
    const fresh = numbers(fingerprints(table.bucket(index), table.rowBytes));
    this.#known.set(index, { leaf: Buffer.from(leaf), fingerprints: fresh });
    return fresh;
  }
}

function numbers(bytes: Uint8Array): Uint32Array {
  const out = new Uint32Array(bytes.length / FINGERPRINT_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < out.length; i++) out[i] = view.getUint32(i * FINGERPRINT_BYTES);
  return out;
}

/** Where `wanted` stands from `from` on; undefined where it is nowhere near. */
function ahead(list: Uint32Array, from: number, wanted: number): number | undefined {
  const end = Math.min(list.length, from + LOOK_AHEAD);
  for (let at = from; at < end; at++) if (list[at] === wanted) return at;
  return undefined;
}

/** The bucket that comes of `bucket` and a difference, in memory of its own; nothing where the bytes are no difference of it. */
export function withDifference(
  bucket: Uint8Array,
  { keyBytes, rowBytes }: TableShape,
  bytes: Uint8Array,
): Uint8Array | undefined {
  if (bytes.length < 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const addedAt = 2 + 2 * view.getUint16(0);
  if (bytes.length < addedAt || (bytes.length - addedAt) % rowBytes !== 0) return undefined;
  const dropped = new Uint8Array(bucket.length / rowBytes);
  let left = dropped.length;
  for (let at = 2; at < addedAt; at += 2) {
    const place = view.getUint16(at);
    if (dropped[place] !== 0) return undefined;
    dropped[place] = 1;
    left--;
  }
  const out = new Uint8Array(left * rowBytes + (bytes.length - addedAt));
  let to = 0;
  const copy = (from: Uint8Array, start: number, end: number) => {
    if (start === end) return;
    out.set(from.subarray(start, end), to);
    to += end - start;
  };
  // Whole stretches at a time: most rows stay where they are.
  let kept = 0;
  let next = addedAt;
  for (let at = 0; at < bucket.length; at += rowBytes) {
    if (dropped[at / rowBytes] === 1) {
      copy(bucket, kept, at);
      kept = at + rowBytes;
      continue;
    }
    for (; next < bytes.length && isBefore(bytes, next, bucket, at, keyBytes); next += rowBytes) {
      copy(bucket, kept, at);
      kept = at;
      copy(bytes, next, next + rowBytes);
    }
  }
  copy(bucket, kept, bucket.length);
  copy(bytes, next, bytes.length);
  return out;
}

function isBefore(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++)
    if (a[aStart + i] !== b[bStart + i]) return a[aStart + i]! < b[bStart + i]!;
  return false;
}
