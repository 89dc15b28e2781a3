import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateWarning } from "./certificates.ts";

const DAY_S = 86_400;
const nowS = 1_900_000_000;
const warning = (kind: Parameters<typeof certificateWarning>[0]["kind"], days?: number, problem?: string) =>
  certificateWarning({ kind, ...(days !== undefined && { until: nowS + days * DAY_S }) }, nowS, problem);

test("nothing is said of what is good, or of what is only due to be renewed", () => {
  for (const [kind, days] of [
    ["authority", 7000],
    ["link", 270],
    ["exit", 270],
    ["site", 29],
    ["public", 29],
  ] as const)
    assert.equal(warning(kind, days), undefined, kind);
});

test("what should have renewed itself long ago is warned of, and what is over, each with what to do", () => {
  for (const [kind, days] of [
    ["link", 239],
    ["exit", 239],
    ["site", 13],
    ["public", 13],
  ] as const) {
    assert.match(warning(kind, days)!, /should have been renewed by now: /);
    assert.match(warning(kind, -1)!, /^It is over: /);
  }
});

test("an authority is warned of while the certificates that it signs could outlive it", () => {
  assert.match(warning("authority", 899)!, /every member's files with it/);
  assert.match(warning("authority")!, /openssl is missing/);
});

test("a problem that is known comes in its own words", () => {
  assert.equal(warning("public", 20, "another program has its port 80"), "Another program has its port 80.");
  assert.match(warning("site")!, /none yet/);
  assert.equal(warning("exit"), undefined, "a server that has not joined yet");
});
