import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packKeys, packRows, unpackKeys, unpackRows } from "./rows.ts";

const key = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("base64"));

test("what goes in comes out", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer({ min: 0, max: 1000 }))), (rows) => {
      assert.deepEqual(unpackRows(packRows(rows), 1000), new Map(rows));
      const keys = rows.map(([one]) => one);
      assert.deepEqual(unpackKeys(packKeys(keys)), keys);
    }),
  );
});

test("half a row, and an index that is none, are refused whole", () => {
  const row = packRows([[Buffer.alloc(32, 1).toString("base64"), 5]]);
  assert.equal(unpackRows(row, 4), undefined);
  assert.equal(unpackRows(Buffer.from(row, "base64").subarray(1).toString("base64"), 5), undefined);
  assert.equal(unpackKeys("AAAA"), undefined);
});
