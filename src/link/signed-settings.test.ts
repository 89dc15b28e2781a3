import assert from "node:assert/strict";
import { test } from "node:test";
import { PROTOCOL } from "./documents.ts";
import { signDocument } from "./signed.ts";
import { openSettings } from "./signed-settings.ts";
import { generateSiteKey, siteId, verifyingKey } from "./site-key.ts";
import { settingsFor } from "./testing.ts";

const key = generateSiteKey();
const trust = { site: siteId(key.publicKey), key: verifyingKey(key.publicKey) };
const document = (change: object = {}) => ({
  protocol: PROTOCOL,
  server: "a1",
  version: 7,
  issuedAtMs: 1,
  settings: settingsFor("a1"),
  ...change,
});
const reasonOf = (signed: Uint8Array, seen = 0) => {
  const opened = openSettings(signed, trust, "a1", seen);
  return opened.ok ? "taken" : opened.reason;
};

test("settings are taken as the office signed them", () => {
  const opened = openSettings(signDocument("settings", document(), key), trust, "a1", 7);
  assert.deepEqual(opened, { ok: true, version: 7, settings: settingsFor("a1") });
});

test("whoever passes settings on cannot change, forge, age or swap them", () => {
  const signed = signDocument("settings", document(), key);
  const touched = Buffer.from(signed);
  touched[signed.length - 3]! ^= 1;
  assert.equal(reasonOf(touched), "signature");
  assert.equal(reasonOf(signDocument("settings", document(), generateSiteKey())), "foreign");
  assert.equal(reasonOf(signDocument("header", document(), key)), "signature");
  assert.equal(reasonOf(signed, 8), "rolled-back");
  assert.equal(reasonOf(signDocument("settings", document({ server: "b1" }), key)), undefined);
  assert.equal(
    reasonOf(signDocument("settings", document({ settings: settingsFor("b1") }), key)),
    "malformed",
  );
  assert.equal(reasonOf(signDocument("settings", document({ protocol: 99 }), key)), "protocol");
  assert.equal(reasonOf(new Uint8Array(0)), "malformed");
});
