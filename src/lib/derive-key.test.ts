import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveKey } from "./derive-key.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at);

test("a key is HKDF's: RFC 5869, test case 3, without salt and info", () => {
  assert.equal(
    hex(deriveKey(new Uint8Array(22).fill(0x0b), "")),
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
  );
});

test("a key stays what it is: another would open nothing that lies sealed, and sign no receipt anew", () => {
  assert.equal(
    hex(deriveKey(SECRET, "lethe payments")),
    "3b9637e7174799ea4f1cbf369fdb3e623d66dc4d192d06b1dd7fe5f27c5930e9",
  );
  assert.equal(
    hex(deriveKey(SECRET, "one payment", "paypal\0X1")),
    "505c925c896893f60cd36a891d8b378edc876b0ffb30ead153c9a00d7d0bcb7d",
  );
  assert.equal(
    hex(deriveKey("abcdefghijklmnopqrst", "lethe ticket key", "abcdefghij")),
    "55339f4b081f7974639aedc293f557365a2be009c33ecdcfeedcc5a772d71393",
  );
});
