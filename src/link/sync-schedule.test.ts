import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SyncSchedule } from "./sync-schedule.ts";

const MINUTE_MS = 60_000;
/** Promises that are settled have had their turn. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A schedule whose timers go by the test's word, and whose random waits are the longest there can be. */
function schedule(
  context: TestContext,
  options: { behindMs?: number | undefined; sync?: () => Promise<void> },
) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(Math, "random", () => 1);
  let runs = 0;
  const made = new SyncSchedule({
    sync: async () => {
      runs++;
      await options.sync?.();
    },
    failed: () => {},
    due: () => {},
    behindMs: () => options.behindMs,
    jitterMs: 30_000,
  });
  return {
    schedule: made,
    runs: () => runs,
    async pass(ms: number): Promise<void> {
      context.mock.timers.tick(ms);
      await settled();
    },
  };
}

for (const [words, behindMs, mostMs] of [
  ["a minute", MINUTE_MS, 500],
  ["ten minutes", 10 * MINUTE_MS, 2500],
  ["a day", 24 * 60 * MINUTE_MS, 30_000],
] as const)
  test(`an exit that was out of touch for ${words} asks within ${mostMs} ms`, async (context) => {
    const { schedule: made, runs, pass } = schedule(context, { behindMs });
    made.soon();
    await pass(mostMs - 1);
    assert.equal(runs(), 0);
    await pass(1);
    assert.equal(runs(), 1);
    made.close();
  });

test("an exit without a roster asks at once", async (context) => {
  const { schedule: made, runs } = schedule(context, {});
  made.soon();
  await settled();
  assert.equal(runs(), 1);
  made.close();
});

test("waits that have grown while there was no connection begin anew with it", async (context) => {
  const sync = () => Promise.reject(new Error("nobody is there"));
  const { schedule: made, runs, pass } = schedule(context, { sync });
  made.now();
  await settled();
  for (let minutes = 0; minutes < 10; minutes++) await pass(MINUTE_MS);
  const before = runs();
  made.connected();
  await settled();
  assert.equal(runs(), before + 1);
  // The office is not behind the connection yet.
  await pass(500);
  assert.equal(runs(), before + 2);
  made.close();
});
