import { hash } from "node:crypto";

const BUCKETS = 4096;
const FANOUT = 64;
/** SHA-256. */
export const DIGEST_BYTES = 32;
export const BUCKET_COUNT = BUCKETS;
export const NODE_COUNT = BUCKETS / FANOUT;

export interface TableShape {
  /** Bytes at a row's start that name it; 2 or more, the first 12 bits choose the bucket. */
  keyBytes: number;
  rowBytes: number;
}

/**
 * Fixed-width rows with unique keys, packed and sorted in 4096 buckets by the first 12 bits of the key, under a digest
 * of two levels: leaf = SHA-256(bucket's bytes), node = SHA-256(64 leaves), root = SHA-256(64 nodes). Two tables with the
 * same root hold the same rows; where roots differ, nodes and leaves say which buckets do.
 * A million rows of 44 bytes take about 50 MB. Digests are computed when asked for, of what changed since.
 */
export class PackedTable {
  readonly keyBytes: number;
  readonly rowBytes: number;
  #buckets: Uint8Array[];
  #rowsIn = new Uint32Array(BUCKETS);
  #size = 0;
  #leaves = new Uint8Array(BUCKETS * DIGEST_BYTES);
  #nodes = new Uint8Array(NODE_COUNT * DIGEST_BYTES);
  #staleLeaf = new Uint8Array(BUCKETS).fill(1);
  #staleNode = new Uint8Array(NODE_COUNT).fill(1);
  #root: Uint8Array | undefined;
  /** 1 where a bucket's bytes are another table's too: to be copied before they are written to. */
  #common = new Uint8Array(BUCKETS);

  constructor(shape: TableShape) {
    if (shape.keyBytes < 2 || shape.rowBytes < shape.keyBytes) throw new RangeError("PackedTable: shape");
    this.keyBytes = shape.keyBytes;
    this.rowBytes = shape.rowBytes;
    const empty = new Uint8Array(0);
    this.#buckets = new Array<Uint8Array>(BUCKETS).fill(empty);
  }

  get size(): number {
    return this.#size;
  }

  /** A table with the same rows, each of the two changed by itself from now on; what neither has changed is in memory once. */
  fork(): PackedTable {
    const copy = new PackedTable(this);
    this.#common.fill(1);
    copy.#common.fill(1);
    copy.#buckets = [...this.#buckets];
    copy.#rowsIn.set(this.#rowsIn);
    copy.#size = this.#size;
    copy.#leaves.set(this.#leaves);
    copy.#nodes.set(this.#nodes);
    copy.#staleLeaf.set(this.#staleLeaf);
    copy.#staleNode.set(this.#staleNode);
    copy.#root = this.#root;
    return copy;
  }

  /** A copy of the row that starts with `key`. */
  get(key: Uint8Array): Uint8Array | undefined {
    const index = bucketOf(key);
    const at = this.#find(index, key);
    if (at < 0) return undefined;
    return this.#buckets[index]!.slice(at * this.rowBytes, (at + 1) * this.rowBytes);
  }

  /** Puts a row in, in place of the one with the same key. */
  set(row: Uint8Array): void {
    if (row.length !== this.rowBytes) throw new RangeError("PackedTable: row length");
    const index = bucketOf(row);
    const found = this.#find(index, row);
    this.#makeOwn(index);
    let at = found;
    if (found < 0) {
      at = ~found;
      this.#makeRoom(index, at);
    }
    this.#buckets[index]!.set(row, at * this.rowBytes);
    this.#touch(index);
  }

  /** False where there was no such row. */
  delete(key: Uint8Array): boolean {
    const index = bucketOf(key);
    const at = this.#find(index, key);
    if (at < 0) return false;
    this.#makeOwn(index);
    const rows = this.#rowsIn[index]!;
    const bytes = this.#buckets[index]!;
    bytes.copyWithin(at * this.rowBytes, (at + 1) * this.rowBytes, rows * this.rowBytes);
    this.#rowsIn[index] = rows - 1;
    this.#size -= 1;
    this.#touch(index);
    return true;
  }

  clear(): void {
    for (let index = 0; index < BUCKETS; index++) {
      if (this.#rowsIn[index] !== 0) this.replaceBucket(index, new Uint8Array(0));
    }
  }

  /** Every row, in rising order of the keys: views, good until the next change. */
  *rows(): Generator<Uint8Array> {
    for (let index = 0; index < BUCKETS; index++) {
      const bytes = this.bucket(index);
      for (let start = 0; start < bytes.length; start += this.rowBytes)
        yield bytes.subarray(start, start + this.rowBytes);
    }
  }

  /** The bytes of one bucket: a view, good until the next change. */
  bucket(index: number): Uint8Array {
    return this.#buckets[index]!.subarray(0, this.#rowsIn[index]! * this.rowBytes);
  }

  /**
   * Puts a whole bucket in place of the old one and keeps `bytes` as its own. False, and nothing changed, where they are
   * no whole rows, not in strictly rising order, or belong to another bucket.
   */
  replaceBucket(index: number, bytes: Uint8Array): boolean {
    if (!this.fitsBucket(index, bytes)) return false;
    const rows = bytes.length / this.rowBytes;
    this.#size += rows - this.#rowsIn[index]!;
    this.#rowsIn[index] = rows;
    this.#buckets[index] = bytes;
    this.#common[index] = 0;
    this.#touch(index);
    return true;
  }

  fitsBucket(index: number, bytes: Uint8Array): boolean {
    if (bytes.length % this.rowBytes !== 0) return false;
    for (let start = 0; start < bytes.length; start += this.rowBytes) {
      if (((bytes[start]! << 4) | (bytes[start + 1]! >> 4)) !== index) return false;
      if (start > 0 && compareKeys(bytes, start - this.rowBytes, bytes, start, this.keyBytes) >= 0)
        return false;
    }
    return true;
  }

  leaf(index: number): Uint8Array {
    if (this.#staleLeaf[index] === 1) {
      this.#leaves.set(sha256(this.bucket(index)), index * DIGEST_BYTES);
      this.#staleLeaf[index] = 0;
    }
    return this.#leaves.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
  }

  /** The 64 leaf digests under one node, 2048 bytes: a view, good until the next change. */
  leavesOf(node: number): Uint8Array {
    for (let index = node * FANOUT; index < (node + 1) * FANOUT; index++) this.leaf(index);
    return this.#leaves.subarray(node * FANOUT * DIGEST_BYTES, (node + 1) * FANOUT * DIGEST_BYTES);
  }

  /** The 64 node digests, 2048 bytes: a view, good until the next change. */
  nodes(): Uint8Array {
    for (let node = 0; node < NODE_COUNT; node++) {
      if (this.#staleNode[node] === 0) continue;
      this.#nodes.set(sha256(this.leavesOf(node)), node * DIGEST_BYTES);
      this.#staleNode[node] = 0;
    }
    return this.#nodes;
  }

  root(): Uint8Array {
    this.#root ??= sha256(this.nodes());
    return this.#root;
  }

  #touch(index: number): void {
    this.#staleLeaf[index] = 1;
    this.#staleNode[index >> 6] = 1;
    this.#root = undefined;
  }

  #makeOwn(index: number): void {
    if (this.#common[index] === 0) return;
    // Not slice: a Buffer's is a view.
    this.#buckets[index] = new Uint8Array(this.bucket(index));
    this.#common[index] = 0;
  }

  /** The row's place in its bucket, or the complement (~) of the place where it would go. */
  #find(index: number, key: Uint8Array): number {
    const bytes = this.#buckets[index]!;
    let low = 0;
    let high = this.#rowsIn[index]! - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = compareKeys(bytes, middle * this.rowBytes, key, 0, this.keyBytes);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return ~low;
  }

  #makeRoom(index: number, at: number): void {
    const rows = this.#rowsIn[index]!;
    const old = this.#buckets[index]!;
    const start = at * this.rowBytes;
    const end = rows * this.rowBytes;
    if (old.length > end) {
      old.copyWithin(start + this.rowBytes, start, end);
    } else {
      // An eighth to spare keeps the memory of a row low and insertion cheap.
      const grown = new Uint8Array((rows + 1 + (rows >> 3)) * this.rowBytes);
      grown.set(old.subarray(0, start));
      grown.set(old.subarray(start, end), start + this.rowBytes);
      this.#buckets[index] = grown;
    }
    this.#rowsIn[index] = rows + 1;
    this.#size += 1;
  }
}

export const bucketOf = (key: Uint8Array): number => (key[0]! << 4) | (key[1]! >> 4);

export const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

function compareKeys(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
