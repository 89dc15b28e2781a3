import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPortRange, mergedPorts, type PortRange, parsePortRange, withoutPorts } from "./port-range.ts";

test("a port and a range are read as people write them, and nothing else is", () => {
  assert.deepEqual(parsePortRange("25"), { from: 25, to: 25 });
  assert.deepEqual(parsePortRange("6881-6889"), { from: 6881, to: 6889 });
  for (const text of ["", "0", "65536", "10-9", "-1", "1-", "a", "1,2", " 1", "1-65536", "1e3"])
    assert.equal(parsePortRange(text), undefined, text);
  assert.equal(formatPortRange({ from: 22, to: 22 }), "22");
  assert.equal(formatPortRange({ from: 1, to: 2 }), "1-2");
});

const range = fc
  .tuple(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 0, max: 300 }))
  .map(([from, more]): PortRange => ({ from, to: Math.min(65_535, from + more) }));
const has = (ranges: readonly PortRange[], port: number) =>
  ranges.some(({ from, to }) => from <= port && port <= to);

test("merging keeps every port and leaves no two ranges that touch; taking out takes those alone", () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), range, (ranges, out) => {
      const merged = mergedPorts(ranges);
      const left = withoutPorts(ranges, out);
      for (let at = 1; at < merged.length; at++) assert.ok(merged[at]!.from > merged[at - 1]!.to + 1);
      for (const { from, to } of [...ranges, out])
        for (const port of [from - 1, from, to, to + 1]) {
          assert.equal(has(merged, port), has(ranges, port));
          assert.equal(has(left, port), has(ranges, port) && !has([out], port));
        }
    }),
  );
});
