import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { answerStun } from "./stun-answer.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const ID = "b7e7a701bc34d686fa87dfae";
/** RFC 5769 section 2.1 without its attributes. */
const request = hex(`0001 0000 2112a442 ${ID}`);
const withAttributes = (attributes: string) => {
  const bytes = hex(attributes);
  return Buffer.concat([hex("0001"), Buffer.from([0, bytes.length]), request.subarray(4), bytes]);
};

test("an address comes back as in the sample responses of RFC 5769, sections 2.2 and 2.3", () => {
  assert.deepEqual(
    answerStun(request, "192.0.2.1", 32_853),
    hex(`0101 000c 2112a442 ${ID} 0020 0008 0001a147e112a643`),
  );
  assert.deepEqual(
    answerStun(request, "2001:db8:1234:5678:11:2233:4455:6677", 32_853),
    hex(`0101 0018 2112a442 ${ID} 0020 0014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9`),
  );
});

test("what browsers put into a request is passed over, and what nobody knows is named", () => {
  const ice = withAttributes("8022 0004 74657374 0006 0003 61626300 8028 0004 e57a3bcf");
  assert.equal(answerStun(ice, "192.0.2.1", 1)?.readUInt16BE(0), 0x0101);
  const odd = withAttributes("7f01 0001 aa000000");
  assert.deepEqual(
    answerStun(odd, "192.0.2.1", 1),
    hex(`0111 0010 2112a442 ${ID} 0009 0004 00000414 000a 0002 7f010000`),
  );
});

test("what is no request gets no answer", () => {
  const wrong = [
    Buffer.alloc(0),
    request.subarray(0, 19),
    hex(`0101 0000 2112a442 ${ID}`),
    hex(`0001 0000 2112a443 ${ID}`),
    hex(`0001 0004 2112a442 ${ID}`),
    withAttributes("0020 00ff 00000000"),
    withAttributes("0020 00"),
  ];
  for (const bytes of wrong)
    assert.equal(answerStun(bytes, "192.0.2.1", 1), undefined, bytes.toString("hex"));
  assert.equal(answerStun(request, "fe80::1%eth0", 1), undefined);
});

test("no datagram breaks it, and no answer is much longer than its question", () => {
  const anything = fc.uint8Array({ maxLength: 200 });
  const almost = anything.map((tail) => {
    const bytes = Buffer.concat([request, tail]);
    bytes.writeUInt16BE(tail.length, 2);
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(anything, almost), (bytes) => {
      const answer = answerStun(bytes, "2001:db8::1", 65_535);
      assert.ok(answer === undefined || answer.length <= bytes.length + 24);
    }),
    { numRuns: 2000 },
  );
});
