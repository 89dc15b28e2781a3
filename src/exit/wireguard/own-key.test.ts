import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ownWireguardKey, wireguardKey } from "./own-key.ts";

test("the public key of RFC 7748's private keys (section 6.1)", () => {
  const alice = wireguardKey(
    Buffer.from("77076d0a7318a57d3c16c17251b26645df4c2f92ebc099f5fcc5ea9a8d5d7e1b".slice(0, 64), "hex"),
  );
  const bob = wireguardKey(
    Buffer.from("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", "hex"),
  );
  assert.equal(
    Buffer.from(bob.publicKey, "base64").toString("hex"),
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
  );
  assert.equal(alice.publicKey.length, 44);
});

test("the exit's key is made once, for root alone, and a broken file is not used", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-wg-key-"));
  try {
    const first = ownWireguardKey(folder);
    assert.equal(ownWireguardKey(folder).publicKey, first.publicKey);
    assert.equal(statSync(join(folder, "wireguard.key")).mode & 0o777, 0o600);
    writeFileSync(join(folder, "wireguard.key"), "short");
    assert.throws(() => ownWireguardKey(folder), RangeError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
