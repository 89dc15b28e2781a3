import assert from "node:assert/strict";
import { test } from "node:test";
import { nkeys } from "@nats-io/transport-node";
import { isLinkPublicKey, linkAuthenticator, linkPublicKey, newLinkKey } from "./link-key.ts";

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

test("a challenge is answered with a signature that holds under the public key, and under no other", () => {
  const { seed, publicKey } = newLinkKey();
  const { nkey, sig } = linkAuthenticator(seed)("a nonce") as { nkey: string; sig: string };
  assert.equal(nkey, publicKey);
  const signature = new Uint8Array(Buffer.from(sig, "base64"));
  const holds = (key: string, nonce: string) =>
    nkeys.fromPublic(key).verify(new TextEncoder().encode(nonce), signature);
  assert.ok(holds(publicKey, "a nonce"));
  assert.ok(!holds(publicKey, "another nonce"));
  assert.ok(!holds(newLinkKey().publicKey, "a nonce"));
  assert.throws(() => linkAuthenticator(seed.slice(0, -1)));
});
