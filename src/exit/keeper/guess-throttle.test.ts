import assert from "node:assert/strict";
import { test } from "node:test";
import { GuessThrottle } from "./guess-throttle.ts";

/** How many wrong tries in a row are let through. */
function tries(throttle: GuessThrottle, address: string, name: string, now = 0): number {
  const tag = throttle.tag(address, name);
  for (let n = 0; n < 1000; n++) {
    if (throttle.slowed(tag, now)) return n;
    throttle.wrong(tag, now);
  }
  return 1000;
}

test("ten wrong tries, then one every six seconds, and all again after a minute", () => {
  const throttle = new GuessThrottle();
  assert.equal(tries(throttle, "192.0.2.1", "abcdefghijkl", 0), 10);
  assert.equal(tries(throttle, "192.0.2.1", "abcdefghijkl", 5900), 0);
  assert.equal(tries(throttle, "192.0.2.1", "abcdefghijkl", 6000), 1);
  assert.equal(tries(throttle, "192.0.2.1", "abcdefghijkl", 120_000), 10);
});

test("the same address at another name, and another address at the same name, are not slowed", () => {
  const throttle = new GuessThrottle();
  tries(throttle, "192.0.2.1", "abcdefghijkl");
  assert.equal(tries(throttle, "192.0.2.1", "mmmmmmmmmmmm"), 10);
  assert.equal(tries(throttle, "192.0.2.2", "abcdefghijkl"), 10);
});

test("a name tried from everywhere leaves each address one wrong try, so that its member still gets in", () => {
  const throttle = new GuessThrottle();
  for (let i = 0; i < 20; i++) tries(throttle, `198.51.100.${i}`, "abcdefghijkl");
  assert.equal(tries(throttle, "198.51.100.99", "abcdefghijkl"), 1);
  assert.equal(throttle.slowed(throttle.tag("192.0.2.1", "abcdefghijkl"), 0), false);
  assert.equal(tries(throttle, "198.51.100.98", "mmmmmmmmmmmm"), 10);
  assert.equal(tries(throttle, "198.51.100.97", "abcdefghijkl", 120_000), 10);
});

test("one customer's IPv6 network counts as one address, however it is written", () => {
  const throttle = new GuessThrottle();
  tries(throttle, "2001:db8:0:1::1", "abcdefghijkl");
  assert.equal(tries(throttle, "2001:db8:0:1:ffff::2", "abcdefghijkl"), 0);
  assert.equal(tries(throttle, "2001:0DB8::1:0:0:0:3", "abcdefghijkl"), 0);
  assert.equal(tries(throttle, "2001:db8:0:2::1", "abcdefghijkl"), 10);
  tries(throttle, "192.0.2.1", "abcdefghijkl");
  assert.equal(tries(throttle, "::ffff:192.0.2.1", "abcdefghijkl"), 0);
});

test("a flood of 200,000 different guesses within ten seconds slows no stranger to it", () => {
  const throttle = new GuessThrottle();
  for (let i = 0; i < 200_000; i++) {
    throttle.wrong(throttle.tag(`198.51.${i & 255}.1`, `name${i}`), i / 20);
  }
  let slowed = 0;
  for (let i = 0; i < 1000; i++) {
    if (throttle.slowed(throttle.tag("192.0.2.1", `member${i}`), 10_000)) slowed += 1;
  }
  assert.equal(slowed, 0);
});
