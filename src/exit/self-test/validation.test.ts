import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { validationWorks } from "./validation.ts";

/** What a resolver is found to be that answers with these codes (RFC 1035 section 4.1.1): checked, and with checking disabled. */
async function found(checked: number | undefined, unchecked: number | undefined): Promise<boolean> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.on("message", (question, { port, address }) => {
    const rcode = (question.readUInt16BE(2) & 0x0010) === 0 ? checked : unchecked;
    if (rcode === undefined) return;
    const answer = Buffer.from(question);
    answer.writeUInt16BE(0x8180 | rcode, 2);
    socket.send(answer, port, address);
  });
  try {
    // What is answered is waited for; a silence need not be.
    const timeoutMs = checked === undefined || unchecked === undefined ? 200 : 20_000;
    return await validationWorks({ address: "127.0.0.1", port: socket.address().port, timeoutMs });
  } finally {
    socket.close();
  }
}

test("a resolver that answers only where nothing is checked has forwarders without signatures", async () => {
  assert.equal(await found(2, 0), false);
});

test("one that answers is well, and one that cannot answer at all is ill for another reason", async () => {
  assert.equal(await found(0, 0), true);
  assert.equal(await found(2, 2), true);
  assert.equal(await found(2, undefined), true);
  assert.equal(await found(undefined, undefined), true);
});
