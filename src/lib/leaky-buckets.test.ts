import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "./clock.ts";
import { LeakyBuckets } from "./leaky-buckets.ts";

test("so many at one go, then one in so long; each text for itself", () => {
  const clock = new FakeClock();
  const buckets = new LeakyBuckets({ clock, burst: 3, oneEachMs: 1000 });
  for (let i = 0; i < 3; i++) assert.ok(buckets.take("a"));
  assert.equal(buckets.take("a"), undefined);
  assert.ok(buckets.take("b"));
  clock.advance(999);
  assert.equal(buckets.take("a"), undefined);
  clock.advance(1);
  assert.ok(buckets.take("a"));
  assert.equal(buckets.take("a"), undefined);
});

test("what is given back counts as never taken; a clock that is set changes nothing", () => {
  const clock = new FakeClock();
  const buckets = new LeakyBuckets({ clock, burst: 1, oneEachMs: 1000 });
  buckets.take("a")?.giveBack();
  assert.ok(buckets.take("a"));
  clock.jump(3_600_000);
  assert.equal(buckets.take("a"), undefined);
});
