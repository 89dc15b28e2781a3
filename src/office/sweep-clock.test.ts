import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { SweepClock } from "./sweep-clock.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

describe("the time by which accounts are deleted", () => {
  it("goes on with the machine's clock, small corrections included", () => {
    const clock = new FakeClock();
    const sweep = new SweepClock(clock);
    for (const ms of [0, 60_000, -60_000, 1800_000]) {
      clock.jump(ms);
      clock.advance(300_000);
      assert.equal(sweep.now(), clock.now());
    }
  });

  it("does not follow a clock that was set a year ahead, until it has stood there for a day", () => {
    const clock = new FakeClock();
    const sweep = new SweepClock(clock);
    const before = clock.now();
    clock.jump(YEAR_MS);
    for (let hours = 0; hours < 24; hours++) {
      assert.equal(sweep.now(), before + hours * HOUR_MS, String(hours));
      clock.advance(HOUR_MS);
    }
    assert.equal(sweep.now(), clock.now());
    assert.equal(clock.now(), before + YEAR_MS + DAY_MS);
  });

  it("begins its day again where the clock jumps again, and forgets a jump that is taken back", () => {
    const clock = new FakeClock();
    const sweep = new SweepClock(clock);
    const before = clock.now();
    clock.jump(YEAR_MS);
    sweep.now();
    clock.advance(20 * HOUR_MS);
    clock.jump(YEAR_MS);
    sweep.now();
    clock.advance(20 * HOUR_MS);
    assert.equal(sweep.now(), before + 40 * HOUR_MS);
    clock.jump(-2 * YEAR_MS);
    clock.advance(30 * HOUR_MS);
    assert.equal(sweep.now(), clock.now());
  });

  it("follows a clock that is set back at once", () => {
    const clock = new FakeClock();
    const sweep = new SweepClock(clock);
    clock.jump(-YEAR_MS);
    assert.equal(sweep.now(), clock.now());
  });
});
