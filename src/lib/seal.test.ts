import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seal, unseal } from "./seal.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");

test("AES-256-GCM as in McGrew and Viega's test case 16, with the nonce before it and the tag behind", () => {
  const key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const plain = hex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  );
  const bound = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const nonce = hex("cafebabefacedbaddecaf888");
  const sealed = seal(key, plain, { bound, nonce });
  assert.equal(
    sealed.toString("hex"),
    `${nonce.toString("hex")}522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b`,
  );
  assert.deepEqual(unseal(key, sealed, bound), plain);
});

test("what was sealed comes out again; altered, cut, for something else or by another key it does not", () => {
  const bytes = () => fc.uint8Array({ maxLength: 80 });
  const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(
      keys,
      bytes(),
      bytes(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (key, plain, bound, at, bits) => {
        const sealed = seal(key, plain, { bound });
        assert.deepEqual(unseal(key, sealed, bound), Buffer.from(plain));
        const altered = Uint8Array.from(sealed);
        altered[at % sealed.length]! ^= bits;
        const other = Uint8Array.from(key);
        other[at % 32]! ^= bits;
        assert.throws(() => unseal(key, altered, bound));
        assert.throws(() => unseal(key, sealed.subarray(0, at % sealed.length), bound));
        assert.throws(() => unseal(key, sealed, Uint8Array.of(...bound, 0)));
        assert.throws(() => unseal(other, sealed, bound));
        assert.notDeepEqual(seal(key, plain, { bound }), sealed, "with another nonce");
      },
    ),
  );
});
