import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { verdicts } from "../../bench/fleet/limits.ts";
import type { Results } from "../../bench/fleet/results.ts";
import { skipFor } from "../../src/lib/testing.ts";
import { shortForm } from "./short-form.ts";

const NATS = "/usr/sbin/nats-server";
/** A shared machine is no reason to fail; what a limit is for would be. */
const PATIENCE = 10;

const skip = skipFor(!existsSync(NATS) && "nats-server is not installed (Debian: nats-server)");

test("the fleet's benchmark in its short form: each limit kept ten times over, nothing refused, nothing rolled back", {
  skip,
  timeout: 600_000,
}, async (t) => {
  const results = (await shortForm("fleet", t)) as Results;
  const lines = verdicts(results);
  assert.ok(lines.length >= 8, "every part ran");
  for (const { what, unit, most, seen } of lines)
    assert.ok(seen <= most * PATIENCE, `${what}: ${seen} ${unit}, at most ${most} ${unit}`);

  const { changes, reports, returns, pages, stores } = results;
  const [few] = changes;
  const many = changes.at(-1);
  assert.ok(
    few && many && many.accounts > few.accounts && many.wireBytes < 1.5 * few.wireBytes,
    "a change's bytes",
  );
  for (const { latencyMs, exits } of changes)
    assert.equal(latencyMs.count % exits, 0, "every exit had every change");
  for (const { refused } of reports) assert.equal(refused, 0);
  for (const { rollbacks, events, fetchedBytesMost, wholeBytes } of returns) {
    assert.equal(rollbacks, 0);
    assert.deepEqual(
      Object.keys(events).filter((event) => event.startsWith("roster-refused")),
      [],
    );
    assert.ok(fetchedBytesMost < wholeBytes, "only what differs");
  }
  for (const { failed, done } of pages) assert.ok(failed === 0 && done > 0);
  for (const { signIns, redemptions } of stores)
    assert.ok(signIns.failed === 0 && signIns.done > 0 && redemptions.failed === 0 && redemptions.done > 0);
});
