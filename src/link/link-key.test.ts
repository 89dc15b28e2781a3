import assert from "node:assert/strict";
import { test } from "node:test";
import { isLinkPublicKey, linkPublicKey, newLinkKey } from "./link-key.ts";

test("a seed gives its public key again, and no other text is one", () => {
  const { seed, publicKey } = newLinkKey();
  assert.equal(linkPublicKey(seed), publicKey);
  assert.ok(isLinkPublicKey(publicKey));
  assert.ok(!isLinkPublicKey(newLinkKey().publicKey.slice(0, -1) + (publicKey.endsWith("A") ? "B" : "A")));
  for (const text of [
    "",
    seed,
    publicKey.toLowerCase(),
    `${publicKey} `,
    `${publicKey}\n`,
    `A${publicKey.slice(1)}`,
  ])
    assert.ok(!isLinkPublicKey(text), text);
  assert.throws(() => linkPublicKey("SU"));
  assert.throws(() => linkPublicKey(publicKey));
});
