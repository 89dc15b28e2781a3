import assert from "node:assert/strict";
import { test } from "node:test";
import { Timers } from "./timers.ts";

test("what was put off runs in its time, and not at all after the end", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const timers = new Timers();
  const ran: string[] = [];
  timers.later(20, () => ran.push("second"));
  timers.later(10, () => {
    ran.push("first");
    timers.later(5, () => ran.push("another"));
  });
  timers.later(1000, () => ran.push("too late"));
  for (const ms of [10, 5, 15]) t.mock.timers.tick(ms);
  assert.deepEqual(ran, ["first", "another", "second"]);
  timers.close();
  timers.later(1, () => ran.push("after the end"));
  t.mock.timers.tick(5000);
  assert.equal(ran.length, 3);
});
