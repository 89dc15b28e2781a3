import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../lib/clock.ts";
import { LoginThrottle } from "./login-throttle.ts";

const tryOf = (throttle: LoginThrottle, name: string, address: string) => throttle.attempt(name, address);

test("five wrong passwords are free, then the wait doubles up to a quarter of an hour", () => {
  const clock = new FakeClock();
  const throttle = new LoginThrottle({ clock });
  for (let i = 0; i < 5; i++) assert.ok(tryOf(throttle, "alice", "192.0.2.1").allowed);
  for (const waitS of [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
    assert.deepEqual(tryOf(throttle, "alice", "192.0.2.1"), { allowed: false, retryAfterS: waitS });
    clock.advance(waitS * 1000 - 1);
    assert.equal(tryOf(throttle, "alice", "192.0.2.1").allowed, false);
    clock.advance(1);
    assert.ok(tryOf(throttle, "ALICE", "192.0.2.1").allowed);
  }
  clock.advance(15 * 60_000 + 1);
  assert.ok(tryOf(throttle, "alice", "192.0.2.1").allowed);
  assert.ok(tryOf(throttle, "alice", "192.0.2.1").allowed, "forgotten after a quarter of an hour");
});

test("tries at the same moment count before any of them is checked", () => {
  const throttle = new LoginThrottle({ clock: new FakeClock() });
  const attempts = Array.from({ length: 100 }, () => tryOf(throttle, "alice", "192.0.2.1"));
  assert.equal(attempts.filter(({ allowed }) => allowed).length, 5);
});

test("a right password starts anew", () => {
  const throttle = new LoginThrottle({ clock: new FakeClock() });
  for (let round = 0; round < 20; round++) {
    for (let wrong = 0; wrong < 4; wrong++) assert.ok(tryOf(throttle, "alice", "192.0.2.1").allowed);
    const right = tryOf(throttle, "alice", "192.0.2.1");
    assert.ok(right.allowed);
    right.succeeded();
  }
});

test("a stranger's guesses do not keep the member out, wherever either comes from", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), (stranger, member) => {
      fc.pre(stranger !== member);
      const throttle = new LoginThrottle({ clock: new FakeClock() });
      for (let i = 0; i < 50; i++) tryOf(throttle, "alice", stranger);
      assert.equal(tryOf(throttle, "alice", stranger).allowed, false);
      assert.ok(tryOf(throttle, "alice", member).allowed);
    }),
  );
});

test("one household's IPv6 addresses count as one, in any spelling; another's do not", () => {
  const throttle = new LoginThrottle({ clock: new FakeClock() });
  for (let i = 0; i < 9; i++) tryOf(throttle, "alice", `2001:db8:0:7::${i}`);
  assert.equal(tryOf(throttle, "alice", "2001:0db8::7:1:2:3:4").allowed, false);
  assert.ok(tryOf(throttle, "alice", "2001:db8:0:8::1").allowed);
  for (let i = 0; i < 9; i++) tryOf(throttle, "bob", "192.0.2.1");
  assert.equal(tryOf(throttle, "bob", "::ffff:192.0.2.1").allowed, false);
  assert.ok(tryOf(throttle, "bob", "::ffff:192.0.2.2").allowed);
});

test("a full table slows a flood down, and still lets the member in from elsewhere", () => {
  const clock = new FakeClock();
  const throttle = new LoginThrottle({ clock, capacity: 100 });
  let letIn = 0;
  for (let i = 0; i < 5000; i++) if (tryOf(throttle, `name-${i}`, "192.0.2.1").allowed) letIn++;
  assert.ok(letIn <= 105, "beyond the table, one address has one count");
  const elsewhere = Array.from({ length: 20 }, (_, i) => tryOf(throttle, "alice", `198.51.100.${i}`));
  assert.ok(elsewhere.filter(({ allowed }) => allowed).length >= 18);
  // One account's right password must not give whoever has it free guesses at others'.
  let guesses = 0;
  for (let i = 0; i < 50; i++) {
    const own = tryOf(throttle, "mallory", "203.0.113.1");
    if (tryOf(throttle, "alice", "203.0.113.1").allowed) guesses++;
    if (own.allowed) own.succeeded();
  }
  assert.ok(guesses <= 5);
  clock.advance(15 * 60_000 + 1);
  assert.ok(tryOf(throttle, "fresh", "192.0.2.1").allowed, "room again once the flood is forgotten");
});
