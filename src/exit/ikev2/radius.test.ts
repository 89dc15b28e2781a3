import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ATTRIBUTE, answerTo, CODE, eapAttributes, eapOf, mppeKey, readRequest } from "./radius.ts";

const SECRET = "xyzzy5461";

function request(attributes: readonly (readonly [number, Buffer])[], secret = SECRET): Buffer {
  const signed = [...attributes, [ATTRIBUTE.messageAuthenticator, Buffer.alloc(16)] as const];
  const body = Buffer.concat(
    signed.map(([type, value]) => Buffer.concat([Buffer.from([type, value.length + 2]), value])),
  );
  const packet = Buffer.concat([Buffer.from([CODE.request, 7, 0, 0]), randomBytes(16), body]);
  packet.writeUInt16BE(packet.length, 2);
  createHmac("md5", secret)
    .update(packet)
    .digest()
    .copy(packet, packet.length - 16);
  return packet;
}

test("reads a request that is signed with the secret, and no other", () => {
  const good = request([[ATTRIBUTE.userName, Buffer.from("nemo")]]);
  const read = readRequest(good, SECRET);
  assert.equal(read?.identifier, 7);
  assert.equal(Buffer.from(read.attributes[0]!.value).toString(), "nemo");
  assert.equal(readRequest(good, "another"), undefined);
  assert.equal(readRequest(request([], "another"), SECRET), undefined);
});

test("a request without a Message-Authenticator, or with two, is nobody's", () => {
  const without = Buffer.concat([Buffer.from([1, 7, 0, 26]), randomBytes(16), Buffer.from("\x01\x06nemo")]);
  assert.equal(readRequest(without, SECRET), undefined);
  assert.equal(readRequest(request([[ATTRIBUTE.messageAuthenticator, Buffer.alloc(16)]]), SECRET), undefined);
});

test("every part of a request, and a request with one byte changed, is refused", () => {
  const good = request([
    [ATTRIBUTE.userName, Buffer.from("nemo")],
    [ATTRIBUTE.eapMessage, randomBytes(40)],
  ]);
  for (let length = 0; length < good.length; length++)
    assert.equal(readRequest(good.subarray(0, length), SECRET), undefined, `${length} bytes`);
  for (let at = 0; at < good.length; at++) {
    const changed = Buffer.from(good);
    changed[at]! ^= 0x10;
    assert.equal(readRequest(changed, SECRET), undefined, `byte ${at}`);
  }
});

test("no bytes at all bring it down", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readRequest(bytes, SECRET) === undefined),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const packet = Buffer.concat([Buffer.from([1, 7, 0, 0]), Buffer.alloc(16), bytes]);
      packet.writeUInt16BE(packet.length, 2);
      return readRequest(packet, SECRET) === undefined;
    }),
  );
});

test("an answer bears both authenticators as RFC 2865 and RFC 3579 compute them", () => {
  const asked = { identifier: 9, authenticator: randomBytes(16) };
  const answer = answerTo(
    asked,
    CODE.accept,
    [{ type: ATTRIBUTE.userName, value: Buffer.from("nemo") }],
    SECRET,
  );
  assert.equal(answer.readUInt16BE(2), answer.length);
  const response = answer.subarray(4, 20);
  const withRequest = Buffer.from(answer);
  withRequest.set(asked.authenticator, 4);
  assert.deepEqual(response, createHash("md5").update(withRequest).update(SECRET).digest());
  const unsigned = Buffer.from(withRequest).fill(0, 22, 38);
  assert.deepEqual(answer.subarray(22, 38), createHmac("md5", SECRET).update(unsigned).digest());
});

test("an EAP packet of any length goes through attributes and back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (eap) => {
      const attributes = eapAttributes(eap);
      assert.ok(attributes.every(({ value }) => value.length <= 253));
      const packet = { code: 1, identifier: 1, authenticator: Buffer.alloc(16), attributes };
      assert.deepEqual(eapOf(packet), Buffer.from(eap));
    }),
  );
});

test("an MPPE key is deciphered as RFC 2548, section 2.4.3 says", () => {
  const [key, authenticator] = [randomBytes(16), randomBytes(16)];
  const salt = Buffer.from([0x80, 1]);
  const value = Buffer.from(mppeKey("receive", key, salt, authenticator, SECRET).value);
  assert.equal(value.readUInt32BE(), 311);
  assert.equal(value[4], 17);
  assert.equal(value[5], value.length - 4);
  const cipher = value.subarray(8);
  let previous: Buffer = Buffer.concat([authenticator, salt]);
  const clear = Buffer.concat(
    [0, 16].map((at) => {
      const pad = createHash("md5").update(SECRET).update(previous).digest();
      previous = cipher.subarray(at, at + 16);
      return Buffer.from(previous.map((byte, index) => byte ^ pad[index]!));
    }),
  );
  assert.equal(clear[0], 16);
  assert.deepEqual(clear.subarray(1, 17), key);
});
