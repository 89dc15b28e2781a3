import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeVici, encodeVici, textOf, type ViciMessage } from "./vici-message.ts";

/** src/libcharon/plugins/vici/README.md, "Message format": the example, and its bytes. */
const EXAMPLE: ViciMessage = {
  key1: "value1",
  section1: { "sub-section": { key2: "value2" }, list1: ["item1", "item2"] },
};
const BYTES = Buffer.concat([
  Buffer.from([3, 4, ...Buffer.from("key1"), 0, 6, ...Buffer.from("value1")]),
  Buffer.from([1, 8, ...Buffer.from("section1")]),
  Buffer.from([1, 11, ...Buffer.from("sub-section")]),
  Buffer.from([3, 4, ...Buffer.from("key2"), 0, 6, ...Buffer.from("value2")]),
  Buffer.from([2]),
  Buffer.from([4, 5, ...Buffer.from("list1")]),
  Buffer.from([5, 0, 5, ...Buffer.from("item1"), 5, 0, 5, ...Buffer.from("item2"), 6]),
  Buffer.from([2]),
]);

test("writes the example of VICI's own description, and reads it", () => {
  assert.deepEqual(encodeVici(EXAMPLE), BYTES);
  const read = decodeVici(BYTES);
  assert.equal(textOf(read, "key1"), "value1");
  const section = read?.get("section1") as ReadonlyMap<string, unknown>;
  assert.deepEqual((section.get("list1") as Buffer[]).map(String), ["item1", "item2"]);
});

test("no part of a message that is cut inside an element is a message", () => {
  const whole = new Set([14]);
  for (let length = 1; length < BYTES.length; length++)
    assert.equal(decodeVici(BYTES.subarray(0, length)) !== undefined, whole.has(length), `${length} bytes`);
});

test("no bytes bring the reader down, and sections do not nest without end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeVici(Buffer.from(bytes));
    }),
  );
  assert.equal(decodeVici(Buffer.from([1, 1, 97].concat(Array(60).fill([1, 1, 97]).flat()))), undefined);
});

test("what is written is read the same", () => {
  const name = fc.string({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ maxLength: 50 })), (message) => {
      const read = decodeVici(encodeVici({ section: message }))?.get("section") as Map<string, Buffer>;
      assert.deepEqual(
        [...read].map(([key, value]) => [key, value.toString()]).sort(),
        Object.entries(message).sort(),
      );
    }),
  );
});
