import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { openDocument, signDocument } from "./signed.ts";
import { generateSiteKey, siteId, siteKeyFromPem, siteKeyToPem, verifyingKey } from "./site-key.ts";

const key = generateSiteKey();
const trust = { site: siteId(key.publicKey), key: verifyingKey(key.publicKey) };
const schema = z.object({ a: z.int() });

test("a document opens as it was signed", () => {
  const signed = signDocument("header", { a: 7 }, key);
  assert.deepEqual(openDocument("header", signed, trust, schema), { ok: true, value: { a: 7 } });
});

test("no changed byte, no cut and no addition passes", () => {
  const signed = signDocument("header", { a: 7 }, key);
  fc.assert(
    fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Uint8Array.from(signed);
      changed[at]! ^= flip;
      assert.equal(openDocument("header", changed, trust, schema).ok, false);
    }),
  );
  for (let length = 0; length < signed.length; length++) {
    assert.equal(openDocument("header", signed.subarray(0, length), trust, schema).ok, false);
  }
  assert.equal(openDocument("header", Buffer.concat([signed, Buffer.of(32)]), trust, schema).ok, false);
});

test("each refusal says why", () => {
  const reason = (kind: "header" | "answer", bytes: Uint8Array) => {
    const opened = openDocument(kind, bytes, trust, schema);
    return opened.ok ? "opened" : opened.reason;
  };
  assert.equal(reason("header", signDocument("header", { a: 7 }, generateSiteKey())), "foreign");
  assert.equal(reason("answer", signDocument("header", { a: 7 }, key)), "signature");
  assert.equal(reason("header", signDocument("header", { a: "x" }, key)), "malformed");
  assert.equal(reason("header", new Uint8Array(7_000_000)), "malformed");
});

test("another site's signature under our site's id is no signature", () => {
  const foreign = Buffer.from(signDocument("header", { a: 7 }, generateSiteKey()));
  foreign.set(trust.site, 0);
  assert.deepEqual(openDocument("header", foreign, trust, schema), { ok: false, reason: "signature" });
});

test("a site key survives its file", () => {
  const again = siteKeyFromPem(siteKeyToPem(key));
  assert.deepEqual(Buffer.from(again.publicKey), Buffer.from(key.publicKey));
  assert.equal(again.publicKey.length, 32);
  assert.throws(() => siteKeyFromPem("nonsense"));
});
