import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { resolverWorks } from "./resolver.ts";

/** A resolver on loopback that answers each question with what `answer` makes of it. */
async function resolver(answer: (question: Buffer) => Buffer | undefined) {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.on("message", (question, { port, address }) => {
    const bytes = answer(question);
    if (bytes !== undefined) socket.send(bytes, port, address);
  });
  return { port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

/** RFC 1035 section 4.1: the question again, with one A record behind it. */
const answered = (question: Buffer, last = 53, flags = 0x8180): Buffer => {
  const record = Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last);
  const bytes = Buffer.concat([question, record]);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(1, 6);
  return bytes;
};
const works = async (answer: (question: Buffer) => Buffer | undefined, timeoutMs = 300) => {
  using server = await resolver(answer);
  return await resolverWorks({ address: "127.0.0.1", port: server.port, timeoutMs });
};

test("a resolver that gives the configured answer is well", async () => {
  assert.equal(await works((question) => answered(question)), true);
});

test("one that hangs, errs, answers wrongly or somebody else's question is not", async () => {
  assert.equal(await works(() => undefined), false);
  assert.equal(await works((question) => answered(question, 54)), false);
  assert.equal(await works((question) => answered(question, 53, 0x8182)), false, "SERVFAIL");
  assert.equal(await works((question) => answered(question, 53, 0x0100)), false, "a question");
  assert.equal(await works((question) => question), false);
  assert.equal(await works((question) => answered(question).subarray(0, 20)), false);
  const otherId = (question: Buffer) => {
    const bytes = answered(question);
    bytes[0]! ^= 1;
    return bytes;
  };
  assert.equal(await works(otherId), false);
  assert.equal(
    await resolverWorks({ address: "127.0.0.1", port: 1, timeoutMs: 200 }),
    false,
    "nobody listens",
  );
});

test("a lost question is asked again", async () => {
  let questions = 0;
  assert.equal(await works((question) => (++questions === 1 ? undefined : answered(question)), 5000), true);
});
