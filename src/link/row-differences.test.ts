import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { CarrierError, type ExitCarrier } from "./carrier.ts";
import { CREDENTIALS } from "./credentials.ts";
import { PackedTable } from "./packed-table.ts";
import { Differences, fingerprints, withDifference } from "./row-differences.ts";
import { fetchBuckets } from "./table-sync.ts";
import * as wire from "./wire.ts";

const SHAPE = { keyBytes: 3, rowBytes: 5 };
/** All in bucket 0, and few enough keys that two buckets have some in common. */
const rows = fc
  .uniqueArray(fc.tuple(fc.nat(20), fc.nat(2), fc.nat(255)), { selector: ([key]) => key, maxLength: 20 })
  .map((some) => {
    const table = new PackedTable(SHAPE);
    for (const [key, one, two] of some) table.set(Uint8Array.of(0, 0, key, one, two));
    return table;
  });

test("a bucket and what differs make the other bucket", () => {
  fc.assert(
    fc.property(rows, rows, (ours, theirs) => {
      const bytes = new Differences().of(theirs, 0, fingerprints(ours.bucket(0), SHAPE.rowBytes));
      const made = withDifference(ours.bucket(0), SHAPE, bytes);
      assert.deepEqual(Buffer.from(made!), Buffer.from(theirs.bucket(0)));
    }),
  );
});

test("what is known of a bucket is forgotten when it changes", () => {
  const differences = new Differences();
  const theirs = new PackedTable(SHAPE);
  theirs.set(Uint8Array.of(0, 0, 1, 1, 1));
  const said = fingerprints(theirs.bucket(0), SHAPE.rowBytes);
  assert.deepEqual([...differences.of(theirs, 0, said)], [0, 0]);
  theirs.set(Uint8Array.of(0, 0, 1, 1, 2));
  assert.deepEqual([...differences.of(theirs, 0, said)], [0, 1, 0, 0, 0, 0, 1, 1, 2]);
});

test("rows far apart in two buckets still come out right", () => {
  const ours = new PackedTable(SHAPE);
  const theirs = new PackedTable(SHAPE);
  for (let key = 0; key < 200; key++) {
    if (key < 100) ours.set(Uint8Array.of(0, 0, key, 1, 1));
    if (key % 3 === 0 || key > 60) theirs.set(Uint8Array.of(0, 0, key, 1, key > 150 ? 2 : 1));
  }
  const bytes = new Differences().of(theirs, 0, fingerprints(ours.bucket(0), SHAPE.rowBytes));
  const made = withDifference(ours.bucket(0), SHAPE, bytes);
  assert.deepEqual(Buffer.from(made!), Buffer.from(theirs.bucket(0)));
});

test("bytes that are no difference give nothing, or some bucket, and no error", () => {
  fc.assert(
    fc.property(rows, fc.uint8Array({ maxLength: 40 }), (ours, bytes) => {
      withDifference(ours.bucket(0), SHAPE, bytes);
    }),
  );
  assert.equal(withDifference(new Uint8Array(0), SHAPE, new Uint8Array(1)), undefined);
  assert.equal(withDifference(new Uint8Array(0), SHAPE, Uint8Array.of(0, 1)), undefined);
  assert.equal(withDifference(new Uint8Array(0), SHAPE, Uint8Array.of(0, 0, 1)), undefined);
});

test("a question about rows is read as it was written", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ index: fc.nat(4095), fingerprints: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
      ),
      (buckets) => {
        const asked = wire.decodeRequest(wire.encodeRowsRequest("credentials", buckets));
        assert.ok(asked?.kind === "rows" && asked.section === "credentials");
        assert.deepEqual(
          asked.buckets.map(({ index, fingerprints }) => ({
            index,
            fingerprints: Buffer.from(fingerprints),
          })),
          buckets.map(({ index, fingerprints }) => ({ index, fingerprints: Buffer.from(fingerprints) })),
        );
      },
    ),
  );
  const odd = { index: 1, fingerprints: new Uint8Array(3) };
  assert.equal(wire.decodeRequest(wire.encodeRowsRequest("credentials", [odd])), undefined);
  const high = { index: 4096, fingerprints: new Uint8Array(4) };
  assert.equal(wire.decodeRequest(wire.encodeRowsRequest("credentials", [high])), undefined);
  const whole = wire.encodeRowsRequest("credentials", [{ index: 1, fingerprints: new Uint8Array(4) }]);
  for (let end = 14; end < whole.length; end++)
    assert.equal(wire.decodeRequest(whole.subarray(0, end)), undefined);
});

/** An office's table as a carrier, and what was asked of it: request kinds and the bytes of the answers. */
function officeOf(table: PackedTable, rowsAnswer: (said: wire.SaidBucket) => Uint8Array) {
  const asked: number[] = [];
  let bytes = 0;
  const request = async (message: Uint8Array): Promise<Uint8Array> => {
    const question = wire.decodeRequest(message);
    asked.push(message[0]!);
    const answer = (): Uint8Array => {
      switch (question?.kind) {
        case "nodes":
          return table.nodes();
        case "leaves":
          return Buffer.concat(question.nodes.map((node) => table.leavesOf(node)));
        case "buckets":
          return wire.blocks(...question.buckets.map((index) => table.bucket(index)));
        case "rows":
          return wire.blocks(...question.buckets.map(rowsAnswer));
        default:
          throw new Error("not asked here");
      }
    };
    const answered = answer();
    bytes += answered.length;
    return answered;
  };
  return { carrier: { request } as unknown as ExitCarrier, asked, bytes: () => bytes };
}

/** Two tables of 40,000 rows, ten to a bucket, that differ in three: one changed, one taken out, one added. */
function twoTables() {
  const theirs = new PackedTable(CREDENTIALS);
  for (let i = 0; i < 40_000; i++) theirs.set(randomBytes(CREDENTIALS.rowBytes));
  const ours = theirs.fork();
  const full = [...Array(4096).keys()].filter(
    (index) => theirs.bucket(index).length >= 10 * CREDENTIALS.rowBytes,
  );
  const [one, two, three] = full as [number, number, number];
  const changed = theirs.bucket(one).slice(0, CREDENTIALS.rowBytes);
  changed[43]! ^= 1;
  theirs.set(changed);
  theirs.delete(theirs.bucket(two).slice(0, CREDENTIALS.keyBytes));
  const added = theirs.bucket(three).slice(0, CREDENTIALS.rowBytes);
  added[7]! ^= 1;
  theirs.set(added);
  return { ours, theirs };
}

async function synced(ours: PackedTable, theirs: PackedTable, carrier: ExitCarrier): Promise<void> {
  const staged = new Map<number, Uint8Array>();
  await fetchBuckets(carrier, ours, "credentials", Buffer.from(theirs.root()).toString("hex"), staged);
  for (const [index, bytes] of staged) assert.ok(ours.replaceBucket(index, bytes));
  assert.deepEqual(ours.root(), theirs.root());
}

test("of buckets that differ only the rows come that differ", async () => {
  const { ours, theirs } = twoTables();
  const differences = new Differences();
  const office = officeOf(theirs, ({ index, fingerprints }) => differences.of(theirs, index, fingerprints));
  await synced(ours, theirs, office.carrier);
  assert.deepEqual(office.asked, [wire.REQUEST.nodes, wire.REQUEST.leaves, wire.REQUEST.rows]);
  const digests = 2048 + 3 * 2048;
  assert.ok(office.bytes() <= digests + 2 * CREDENTIALS.rowBytes + 3 * 8, `${office.bytes()} bytes`);
});

test("an office that does not know the question, or answers it wrongly, is asked for whole buckets", async () => {
  const refuses = () => {
    throw new CarrierError("refused");
  };
  const wrong = () => Buffer.concat([Buffer.of(0, 0), randomBytes(CREDENTIALS.rowBytes)]);
  for (const rowsAnswer of [refuses, wrong, () => new Uint8Array(1)]) {
    const { ours, theirs } = twoTables();
    const office = officeOf(theirs, rowsAnswer);
    await synced(ours, theirs, office.carrier);
    assert.equal(office.asked.at(-1), wire.REQUEST.buckets);
  }
});
