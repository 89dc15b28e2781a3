import assert from "node:assert/strict";
import { test } from "node:test";
import { md4 } from "../../lib/md4.ts";
import { ntHash } from "../../lib/nt-hash.ts";
import { challengeHash, desEncrypt, masterKey, provedBy, startKey } from "./mschapv2.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** RFC 2759 section 9.2, RFC 3079 section 3.5.3. */
const ANSWER = {
  username: "User",
  authenticatorChallenge: bytes("5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28"),
  peerChallenge: bytes("21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E"),
  ntResponse: bytes("82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF"),
};
const HASH = ntHash("clientPass");

test("computes what RFC 2759 shows for its example", () => {
  assert.deepEqual(challengeHash(ANSWER), bytes("D0 2E 43 86 BC E9 12 26"));
  const proof = provedBy(HASH, ANSWER);
  assert.equal(proof?.authenticatorResponse, "S=407A5589115FD0D6209F510FE9C04566932CDA56");
});

test("enciphers as RFC 2759, section 9.3 shows", () => {
  const clear = bytes("00 00 00 00 00 00 00 00");
  // DES with an all-zero key: the first entry of NIST's variable plaintext tables.
  assert.deepEqual(desEncrypt(clear, Buffer.alloc(7)), bytes("8C A6 4D E9 C1 B1 23 A7"));
});

test("computes the keys that RFC 3079 shows", () => {
  const master = masterKey(md4(HASH), ANSWER.ntResponse);
  assert.deepEqual(master, bytes("FD EC E3 71 7A 8C 83 8C B3 88 E5 27 AE 3C DD 31"));
  // The server's send key, RFC 3079 section 3.5.3: SendStartKey128.
  assert.deepEqual(startKey(master, "send"), bytes("8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB"));
  const proof = provedBy(HASH, ANSWER)!;
  assert.deepEqual(proof.sendKey, startKey(master, "send"));
  assert.deepEqual(proof.receiveKey, startKey(master, "receive"));
});

test("takes no answer of another password, name or challenge", () => {
  assert.equal(provedBy(ntHash("clientpass"), ANSWER), undefined);
  assert.equal(provedBy(HASH, { ...ANSWER, username: "user" }), undefined);
  const other = Buffer.from(ANSWER.authenticatorChallenge);
  other[0]! ^= 1;
  assert.equal(provedBy(HASH, { ...ANSWER, authenticatorChallenge: other }), undefined);
});
