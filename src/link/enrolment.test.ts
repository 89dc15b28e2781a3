import assert from "node:assert/strict";
import { test } from "node:test";
import {
  enrolmentAnswerMac,
  enrolmentRequest,
  enrolmentRequestMac,
  formatJoinCode,
  parseJoinCode,
  sameMac,
} from "./enrolment.ts";

const token = "abcdefghijklmnopqrstuvwxyz";
const request = {
  tokenId: "abcdefgh",
  server: "london1",
  nkey: `U${"A".repeat(55)}`,
  nonce: "n".repeat(43),
};

test("a request's mac stands for each of its fields, whatever their order, and for no answer", () => {
  const mac = enrolmentRequestMac(token, request);
  assert.ok(enrolmentRequest.safeParse({ ...request, mac }).success);
  const { tokenId, ...rest } = request;
  assert.equal(enrolmentRequestMac(token, { ...rest, tokenId }), mac);
  for (const key of Object.keys(request) as (keyof typeof request)[])
    assert.ok(!sameMac(enrolmentRequestMac(token, { ...request, [key]: "other" }), mac), key);
  assert.ok(!sameMac(enrolmentRequestMac(`${token}a`, request), mac));
  assert.ok(!sameMac(enrolmentAnswerMac(token, request as never), mac));
});

test("a mac that the message bears already changes nothing: it can be checked on the message as it came", () => {
  const mac = enrolmentRequestMac(token, request);
  assert.equal(enrolmentRequestMac(token, { ...request, mac } as typeof request), mac);
});

test("a join code is taken as it was given out, with a line's end or without, and nothing else is one", () => {
  const code = { server: "london1", tokenId: "abcdefgh", token };
  assert.deepEqual(parseJoinCode(`${formatJoinCode(code)}\n`), code);
  for (const text of [
    "",
    "london1",
    "london1.abcdefgh",
    `london1.abcdefgh.${token}.x`,
    `London.abcdefgh.${token}`,
  ])
    assert.equal(parseJoinCode(text), undefined, text);
});
