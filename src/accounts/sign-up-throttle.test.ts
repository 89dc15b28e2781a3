import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { SignUpThrottle } from "./sign-up-throttle.ts";

describe("many sign-ups from one network", () => {
  it("are twenty at one go and then one each half minute, and nobody else waits", () => {
    const clock = new FakeClock();
    const throttle = new SignUpThrottle(clock);
    const taken = (address: string) => throttle.take(address) !== undefined;
    for (let count = 0; count < 20; count++) assert.ok(taken("192.0.2.1"), String(count));
    assert.ok(!taken("192.0.2.1"));
    assert.ok(taken("192.0.2.2"));
    clock.advance(30_000);
    assert.ok(taken("192.0.2.1"));
    assert.ok(!taken("192.0.2.1"));
    clock.advance(20 * 30_000);
    for (let count = 0; count < 20; count++) assert.ok(taken("192.0.2.1"), String(count));
  });

  it("count a household's IPv6 addresses as one", () => {
    const throttle = new SignUpThrottle(new FakeClock());
    for (let count = 0; count < 20; count++) throttle.take(`2001:db8:1:2::${count}`);
    assert.equal(throttle.take("2001:db8:1:2:ffff::1"), undefined);
    assert.ok(throttle.take("2001:db8:1:3::1"));
  });

  it("do not count tries that cost nothing", () => {
    const throttle = new SignUpThrottle(new FakeClock());
    for (let count = 0; count < 100; count++) throttle.take("192.0.2.1")!.giveBack();
    assert.ok(throttle.take("192.0.2.1"));
  });
});
