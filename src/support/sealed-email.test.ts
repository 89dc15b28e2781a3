import assert from "node:assert/strict";
import { test } from "node:test";
import { openEmail, sealEmail } from "./sealed-email.ts";

const key = new Uint8Array(32).fill(7);

test("an address is opened for its own ticket with the office's key, and in no other way", () => {
  const email = { address: "someone@example.org", withText: false };
  const sealed = sealEmail(key, "abc", email);
  assert.deepEqual(openEmail(key, "abc", sealed), email);
  const whole = { ...email, withText: true };
  assert.deepEqual(openEmail(key, "abc", sealEmail(key, "abc", whole)), whole);
  assert.equal(openEmail(key, "abd", sealed), undefined);
  assert.equal(openEmail(new Uint8Array(32), "abc", sealed), undefined);
  for (const text of ["", "AAAA", sealed.slice(4), `A${sealed.slice(1)}`])
    if (text !== sealed) assert.equal(openEmail(key, "abc", text), undefined, text);
  assert.notEqual(sealEmail(key, "abc", email), sealed);
});
