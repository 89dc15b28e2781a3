import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventFields, limited } from "./event-log.ts";

test("who can make us say something cannot fill a disk with it; other events are said meanwhile", () => {
  let now = 0;
  const said: [string, EventFields | undefined][] = [];
  const sink = limited(
    (_part, code, fields) => said.push([code, fields]),
    () => now,
  );
  for (let i = 0; i < 100_000; i++) sink("link", "request-refused", { reason: "slow-down", count: i });
  assert.equal(said.length, 30);
  sink("link", "link-down");
  sink("link", "request-refused", { reason: "foreign" });
  assert.deepEqual(said.slice(30), [
    ["link-down", undefined],
    ["request-refused", { reason: "foreign" }],
  ]);
  now += 10_000;
  sink("link", "request-refused", { reason: "slow-down" });
  sink("link", "request-refused", { reason: "slow-down" });
  assert.deepEqual(said.slice(32), [["request-refused", { reason: "slow-down", omitted: 99_970 }]]);
  now += 3_600_000;
  for (let i = 0; i < 40; i++) sink("link", "request-refused", { reason: "slow-down" });
  assert.equal(said.length, 33 + 30);
});
