import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { credentialKey, credentialUsername, packCredential, unpackCredential } from "./credentials.ts";

const username = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567"),
  minLength: 12,
  maxLength: 12,
});

test("a row gives back what was put in", () => {
  fc.assert(
    fc.property(
      username,
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.nat(0xffff_ffff),
      (name, digest, until) => {
        const row = packCredential({ username: name, digest, until });
        assert.equal(row.length, 44);
        assert.deepEqual(unpackCredential(row), { username: name, digest, until });
      },
    ),
  );
});

test("two usernames never share a key, and case makes no difference", () => {
  fc.assert(
    fc.property(username, username, (a, b) => {
      assert.equal(credentialUsername(credentialKey(a)!), a);
      assert.deepEqual(credentialKey(a.toUpperCase()), credentialKey(a));
      if (a !== b) assert.notDeepEqual(credentialKey(a), credentialKey(b));
    }),
  );
});

test("what is no VPN username has no key", () => {
  for (const name of [
    "",
    "abcdefghijk",
    "abcdefghijklm",
    "abcdefghijk1",
    "abcdefghijk ",
    "abcdefghij\u212a\u212a",
  ]) {
    assert.equal(credentialKey(name), undefined, JSON.stringify(name));
  }
  fc.assert(fc.property(fc.string(), (name) => void credentialKey(name)));
});

test("a row that could not be read back is refused", () => {
  const digest = new Uint8Array(32);
  assert.throws(() => packCredential({ username: "short", digest, until: 1 }), RangeError);
  assert.throws(
    () => packCredential({ username: "abcdefghijkl", digest: new Uint8Array(31), until: 1 }),
    RangeError,
  );
  assert.throws(() => packCredential({ username: "abcdefghijkl", digest, until: -1 }), RangeError);
  assert.throws(() => packCredential({ username: "abcdefghijkl", digest, until: 1.5 }), RangeError);
});
