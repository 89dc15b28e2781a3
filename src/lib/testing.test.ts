import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { skipFor } from "./testing.ts";

const { CI } = process.env;
afterEach(() => {
  if (CI === undefined) delete process.env.CI;
  else process.env.CI = CI;
});

test("a test without what it needs is passed over, and says why", () => {
  delete process.env.CI;
  assert.equal(skipFor("pebble is not installed"), "SKIPPED: pebble is not installed");
  assert.equal(skipFor(undefined), false);
  assert.equal(skipFor(false), false);
});

test("in CI it fails instead", () => {
  process.env.CI = "true";
  assert.throws(() => skipFor("pebble is not installed"), /pebble is not installed/);
  assert.equal(skipFor(undefined), false);
});
