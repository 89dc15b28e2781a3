import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LiveList, type Place } from "./live-list.ts";

test("holds what was added and not deleted, the oldest first", () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant("add" as const) }),
    fc.record({ kind: fc.constant("delete" as const), at: fc.nat(20) }),
    fc.record({ kind: fc.constant("shift" as const) }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const list = new LiveList<number>();
      const places: Place<number>[] = [];
      let model: number[] = [];
      for (const one of changes) {
        if (one.kind === "add") {
          const item = places.length;
          places.push(list.add(item));
          model.push(item);
        } else if (one.kind === "shift") {
          assert.equal(list.shift(), model.shift());
        } else if (one.at < places.length) {
          list.delete(places[one.at]!);
          model = model.filter((item) => item !== one.at);
        }
        assert.equal(list.size, model.length);
        assert.deepEqual(
          list.filter(() => true),
          model,
        );
      }
      assert.deepEqual(
        list.filter((item) => item % 2 === 0),
        model.filter((item) => item % 2 === 0),
      );
    }),
  );
});

test("a place that was given up points to nothing", () => {
  const list = new LiveList<string>();
  list.add("first");
  const place = list.add("second");
  list.add("third");
  list.delete(place);
  assert.deepEqual(place, { item: undefined, older: undefined, newer: undefined });
});
