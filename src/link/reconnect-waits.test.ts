import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { ReconnectWaits } from "./reconnect-waits.ts";

const MINUTE_MS = 60_000;

/** The waits until so long has gone by. */
function waitsFor(durationMs: number, waits: ReconnectWaits, clock: FakeClock): number[] {
  const waited: number[] = [];
  for (let sum = 0; sum < durationMs; sum += waited.at(-1)!) {
    waited.push(waits.next());
    clock.advance(waited.at(-1)!);
  }
  return waited;
}

test("an office that is restarted is tried each second; one that stays away each ten; after it was back, each second again", () => {
  const clock = new FakeClock();
  const waits = new ReconnectWaits(clock, 1);
  const young = waitsFor(9 * MINUTE_MS, waits, clock);
  assert.ok(young[0]! <= 250, `${young[0]}`);
  assert.ok(Math.max(...young) <= 1000, `${Math.max(...young)}`);
  clock.advance(MINUTE_MS);
  const old = waitsFor(10 * MINUTE_MS, waits, clock);
  assert.ok(Math.max(...old) > 5000 && Math.max(...old) <= 10_000, `${Math.max(...old)}`);
  clock.advance(MINUTE_MS);
  waits.wentDown();
  assert.ok(Math.max(...waitsFor(MINUTE_MS, waits, clock)) <= 1000);
});

test("two hundred servers do not come back in one moment", () => {
  const tries = Array.from({ length: 200 }, () => {
    const clock = new FakeClock();
    const waits = new ReconnectWaits(clock, 1);
    // All were cut off at the same time; the office is back after half a minute.
    while (clock.monotonic() < 30_000) clock.advance(waits.next());
    return clock.monotonic() - 30_000;
  });
  assert.ok(Math.max(...tries) <= 1000, "within a second");
  const tenths = Array.from(
    { length: 10 },
    (_, i) => tries.filter((ms) => Math.floor(ms / 100) === i).length,
  );
  assert.ok(Math.max(...tenths) <= 60, `in each tenth of a second: ${tenths}`);
});

test("of several servers each is tried as often as if it were the only one", () => {
  const clock = new FakeClock();
  const waits = new ReconnectWaits(clock, 4);
  assert.ok(Math.max(...waitsFor(MINUTE_MS, waits, clock)) <= 250);
});
