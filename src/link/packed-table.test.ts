import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { bucketOf, PackedTable } from "./packed-table.ts";

const SHAPE = { keyBytes: 3, rowBytes: 5 };
/** Few different keys, so that rows meet in one bucket and replace one another. */
const row = fc
  .tuple(
    fc.constantFrom(0, 1, 255),
    fc.constantFrom(0x00, 0x01, 0x10, 0xff),
    fc.nat(9),
    fc.nat(255),
    fc.nat(255),
  )
  .map((bytes) => Uint8Array.from(bytes));
const step = fc.record({ kind: fc.constantFrom("set", "delete"), row });

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const keyOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, SHAPE.keyBytes)).toString("hex");

/** The digest as the docstring gives it, over sorted rows. */
function rootOf(rows: Uint8Array[]): string {
  const sorted = rows.toSorted(Buffer.compare);
  const leaves = Array.from({ length: 4096 }, (_, index) =>
    sha256(Buffer.concat(sorted.filter((bytes) => bucketOf(bytes) === index))),
  );
  const nodes = Array.from({ length: 64 }, (_, node) =>
    sha256(Buffer.concat(leaves.slice(node * 64, (node + 1) * 64))),
  );
  return sha256(Buffer.concat(nodes)).toString("hex");
}

test("holds what a map would hold, sorted, with the digest of exactly those rows", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new PackedTable(SHAPE);
      const model = new Map<string, Uint8Array>();
      for (const { kind, row } of steps) {
        if (kind === "set") {
          table.set(row);
          model.set(keyOf(row), row);
        } else {
          assert.equal(table.delete(row.subarray(0, 3)), model.delete(keyOf(row)));
        }
      }
      assert.equal(table.size, model.size);
      for (const [, row] of model) assert.deepEqual(Buffer.from(table.get(row)!), Buffer.from(row));
      assert.equal(Buffer.from(table.root()).toString("hex"), rootOf([...model.values()]));
    }),
    { numRuns: 20 },
  );
});

test("a fork starts with the same rows, and neither sees what is done to the other", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.array(step, { maxLength: 10 }),
      fc.array(step, { maxLength: 10 }),
      (before, onFork, onFirst) => {
        const take = (table: PackedTable, steps: typeof before) => {
          for (const { kind, row } of steps)
            if (kind === "set") table.set(row);
            else table.delete(row.subarray(0, 3));
          return Buffer.from(table.root()).toString("hex");
        };
        const apart = (...steps: (typeof before)[]) => {
          const table = new PackedTable(SHAPE);
          for (const some of steps) take(table, some);
          return take(table, []);
        };
        const first = new PackedTable(SHAPE);
        const root = take(first, before);
        const fork = first.fork();
        assert.equal(take(fork, []), root);
        assert.equal(take(fork, onFork), apart(before, onFork));
        assert.equal(take(first, []), root);
        assert.equal(take(first, onFirst), apart(before, onFirst));
        assert.equal(take(fork, []), apart(before, onFork));
      },
    ),
    { numRuns: 50 },
  );
});

test("finds nothing where there is nothing, also beside its neighbours", () => {
  const table = new PackedTable(SHAPE);
  table.set(Uint8Array.of(1, 2, 5, 0, 0));
  assert.equal(table.get(Uint8Array.of(1, 2, 4)), undefined);
  assert.equal(table.get(Uint8Array.of(1, 2, 6)), undefined);
  assert.equal(table.get(Uint8Array.of(200, 0, 0)), undefined);
});

test("a copied table has the same root; one bit's difference shows in one leaf and one node", () => {
  const a = new PackedTable(SHAPE);
  for (let i = 0; i < 500; i++) a.set(Uint8Array.of(i % 251, (i * 7) % 256, i % 256, i % 256, 1));
  const b = new PackedTable(SHAPE);
  for (let index = 0; index < 4096; index++) assert.ok(b.replaceBucket(index, a.bucket(index).slice()));
  assert.deepEqual(b.root(), a.root());
  assert.equal(b.size, a.size);

  const changed = Uint8Array.of(0, 0, 0, 9, 9);
  b.set(changed);
  assert.notDeepEqual(b.root(), a.root());
  const differing = Array.from({ length: 4096 }, (_, i) => i).filter(
    (index) => Buffer.compare(a.leaf(index), b.leaf(index)) !== 0,
  );
  assert.deepEqual(differing, [bucketOf(changed)]);
});

test("takes no bucket that is out of order, doubled, cut short or another's", () => {
  const table = new PackedTable(SHAPE);
  const rows = (...list: number[][]) => Uint8Array.from(list.flat());
  assert.ok(table.replaceBucket(0x010, rows([1, 0, 1, 0, 0], [1, 0, 2, 0, 0])));
  const root = table.root();
  assert.ok(!table.replaceBucket(0x010, rows([1, 0, 2, 0, 0], [1, 0, 1, 0, 0])));
  assert.ok(!table.replaceBucket(0x010, rows([1, 0, 1, 0, 0], [1, 0, 1, 0, 1])));
  assert.ok(!table.replaceBucket(0x010, rows([1, 0, 1, 0, 0]).subarray(0, 4)));
  assert.ok(!table.replaceBucket(0x011, rows([1, 0, 1, 0, 0])));
  assert.deepEqual(table.root(), root);
  assert.equal(table.size, 2);
});
