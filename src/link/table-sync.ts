import { CarrierError, type ExitCarrier } from "./carrier.ts";
import { type PackedTable, sha256 } from "./packed-table.ts";
import { Refused } from "./refused.ts";
import { fingerprints, withDifference } from "./row-differences.ts";
import * as wire from "./wire.ts";

const LEAVES_A_NODE = 64;
/** Below so many rows the whole bucket is no more to fetch than what differs. */
const ROWS_WORTH_TELLING = 8;
/** Of a `rows` request: others' answers get their turn in between. */
const MAX_SAID_BYTES = 250_000;

/**
 * Fetches the buckets in which `table` differs from the office's, whose root digest (hex) is `wanted`, into `staged`;
 * what stands there already counts as the table's. Every answer is checked against the digest above it before use, up to `wanted`,
 * which the caller has from a signed header. Throws Refused "digest" where one does not match.
 */
export async function fetchBuckets(
  carrier: ExitCarrier,
  table: PackedTable,
  section: string,
  wanted: string,
  staged: Map<number, Uint8Array>,
): Promise<void> {
  if (Buffer.from(table.root()).toString("hex") === wanted) {
    staged.clear();
    return;
  }
  const nodesBytes = await carrier.request(wire.encodeNodesRequest(section));
  if (Buffer.from(sha256(nodesBytes)).toString("hex") !== wanted) throw new Refused("digest");
  const nodes = wire.splitDigests(nodesBytes, LEAVES_A_NODE);
  const ours = wire.splitDigests(table.nodes(), LEAVES_A_NODE);
  if (nodes === undefined || ours === undefined) throw new Refused("digest");

  const stagedNodes = new Set([...staged.keys()].map((index) => index >> 6));
  const asked = nodes.flatMap((digest, node) =>
    same(digest, ours[node]!) && !stagedNodes.has(node) ? [] : [node],
  );
  const leaves = await fetchLeaves(carrier, section, asked, nodes);

  let missing: number[] = [];
  for (const [index, digest] of leaves) {
    const held = staged.get(index);
    if (same(digest, table.leaf(index))) staged.delete(index);
    else if (held === undefined || !same(digest, sha256(held))) missing.push(index);
  }
  missing = await fetchRows(carrier, table, section, missing, leaves, staged);
  while (missing.length > 0) {
    const answer = wire.readBlocks(await carrier.request(wire.encodeBucketsRequest(section, missing)));
    if (answer === undefined || answer.length === 0 || answer.length > missing.length)
      throw new Refused("digest");
    for (const [i, bytes] of answer.entries()) {
      const index = missing[i]!;
      if (!same(sha256(bytes), leaves.get(index)!) || !table.fitsBucket(index, bytes))
        throw new Refused("digest");
      // A copy: the answer's other buckets must not stay in memory with it.
      staged.set(index, new Uint8Array(bytes));
    }
    missing = missing.slice(answer.length);
  }
}

/**
 * Fetches of the buckets in which we have rows only those that differ (row-differences.ts). Returns the buckets that are to be
 * fetched whole: those in which there is little, and those that did not come out as their digest says.
 */
async function fetchRows(
  carrier: ExitCarrier,
  table: PackedTable,
  section: string,
  missing: number[],
  leaves: Map<number, Uint8Array>,
  staged: Map<number, Uint8Array>,
): Promise<number[]> {
  const worth = (index: number) => table.bucket(index).length >= ROWS_WORTH_TELLING * table.rowBytes;
  const whole = missing.filter((index) => !worth(index));
  let left = missing.filter(worth);
  while (left.length > 0) {
    const said: wire.SaidBucket[] = [];
    for (let bytes = 0; said.length < left.length && bytes < MAX_SAID_BYTES; ) {
      const index = left[said.length]!;
      const told = fingerprints(table.bucket(index), table.rowBytes);
      said.push({ index, fingerprints: told });
      bytes += told.length;
    }
    const answer = await ask(carrier, wire.encodeRowsRequest(section, said));
    // An office of an earlier version does not know the question.
    if (answer === undefined) return [...whole, ...left];
    const differences = wire.readBlocks(answer);
    if (differences === undefined || differences.length === 0 || differences.length > said.length)
      throw new Refused("digest");
    for (const [i, bytes] of differences.entries()) {
      const index = said[i]!.index;
      const bucket = withDifference(table.bucket(index), table, bytes);
      if (bucket !== undefined && same(sha256(bucket), leaves.get(index)!) && table.fitsBucket(index, bucket))
        staged.set(index, bucket);
      else whole.push(index);
    }
    left = left.slice(differences.length);
  }
  return whole;
}

/** Nothing where the office refuses to answer. */
async function ask(carrier: ExitCarrier, request: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await carrier.request(request);
  } catch (error) {
    if (error instanceof CarrierError && error.code === "refused") return undefined;
    throw error;
  }
}

async function fetchLeaves(
  carrier: ExitCarrier,
  section: string,
  asked: number[],
  nodes: Uint8Array[],
): Promise<Map<number, Uint8Array>> {
  const leaves = new Map<number, Uint8Array>();
  const bytes = await carrier.request(wire.encodeLeavesRequest(section, asked));
  const digests = wire.splitDigests(bytes, asked.length * LEAVES_A_NODE);
  if (digests === undefined) throw new Refused("digest");
  const nodeBytes = bytes.length / asked.length;
  for (const [i, node] of asked.entries()) {
    const part = bytes.subarray(i * nodeBytes, (i + 1) * nodeBytes);
    if (!same(sha256(part), nodes[node]!)) throw new Refused("digest");
    for (let leaf = 0; leaf < LEAVES_A_NODE; leaf++) {
      leaves.set(node * LEAVES_A_NODE + leaf, digests[i * LEAVES_A_NODE + leaf]!);
    }
  }
  return leaves;
}

/** Returns what takes the operations back. */
export function applyAll(table: PackedTable, operations: wire.Operation[]): () => void {
  const undo: (() => void)[] = [];
  for (const { kind, bytes } of operations) {
    const key = bytes.slice(0, table.keyBytes);
    const old = table.get(key);
    undo.push(() => (old === undefined ? table.delete(key) : table.set(old)));
    if (kind === wire.SET) table.set(bytes);
    else table.delete(key);
  }
  return () => {
    for (const step of undo.reverse()) step();
  };
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
