import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../lib/clock.ts";
import { SESSION_LIFETIME_S, SessionSeal } from "./session.ts";

const secret = randomBytes(32);

test("a sealed session opens to what was put in, until it is over", () => {
  const clock = new FakeClock();
  const seal = new SessionSeal(secret, clock);
  const session = seal.start("account", "stamp");
  const text = seal.seal("cookie", session);
  assert.deepEqual(seal.open("cookie", text), session);
  assert.ok(!text.includes("account"));
  clock.advance(SESSION_LIFETIME_S * 1000 - 1);
  assert.ok(seal.open("cookie", text));
  clock.advance(1);
  assert.equal(seal.open("cookie", text), undefined);
});

test("a cookie is no bearer token, and another secret opens nothing", () => {
  const clock = new FakeClock();
  const seal = new SessionSeal(secret, clock);
  const text = seal.seal("cookie", seal.start("account", "stamp"));
  assert.equal(seal.open("bearer", text), undefined);
  assert.equal(new SessionSeal(randomBytes(32), clock).open("cookie", text), undefined);
});

test("any changed byte, any other text and any overlong text opens nothing and throws nothing", () => {
  const seal = new SessionSeal(secret, new FakeClock());
  const bytes = Buffer.from(seal.seal("cookie", seal.start("account", "stamp")), "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered[at]! ^= 1;
    assert.equal(seal.open("cookie", altered.toString("base64url")), undefined);
  }
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => seal.open("cookie", text) === undefined));
  assert.equal(seal.open("cookie", "A".repeat(5000)), undefined);
  assert.equal(seal.open("cookie", undefined), undefined);
});
