import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { frame } from "../../lib/frames.ts";
import { recordingLog, until } from "../../link/testing.ts";
import { LoginClient } from "./login-client.ts";
import { loginServer } from "./login-server.ts";
import { MAX_FRAME_BYTES } from "./login-wire.ts";
import type { Ikev2Question } from "./radius-server.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-login-"));
after(() => rmSync(folder, { recursive: true }));

const question: Ikev2Question = {
  ikeId: 7,
  address: "192.0.2.7",
  username: "abcdefghijkl",
  authenticatorChallenge: Buffer.alloc(16, 1),
  peerChallenge: Buffer.alloc(16, 2),
  ntResponse: Buffer.alloc(24, 3),
};

test("the keeper answers the worker that asks, and cuts off one that talks nonsense", async () => {
  const path = join(folder, "socket");
  const { log, reasons } = recordingLog();
  const asked: Ikev2Question[] = [];
  const proof = {
    authenticatorResponse: `S=${"0A".repeat(20)}`,
    sendKey: Buffer.alloc(16, 4),
    receiveKey: Buffer.alloc(16, 5),
  };
  const server = loginServer({
    path,
    log,
    decide: async (each) => {
      asked.push(each);
      return each.username === question.username
        ? { admitted: true, proof }
        : { admitted: false, reason: "expired" };
    },
  });
  await server.start();
  const client = new LoginClient(path);
  try {
    await until(() => client.connected, "connected");
    const [admitted, refused] = await Promise.all([
      client.ask(question),
      client.ask({ ...question, username: "bob" }),
    ]);
    assert.deepEqual(asked[0], question);
    assert.ok(admitted.admitted);
    assert.deepEqual({ ...admitted.proof }, proof);
    assert.ok(!refused.admitted && refused.reason === "expired");
    const long = frame(Buffer.alloc(MAX_FRAME_BYTES + 1));
    for (const nonsense of [frame(Buffer.from("{}")), Buffer.from([0xff, 0xff, 0xff, 0xff]), long]) {
      const before = reasons("proxy-message-refused").length;
      const other = connect(path, () => other.write(nonsense));
      await new Promise((resolve) => other.once("close", resolve));
      assert.equal(reasons("proxy-message-refused").length, before + 1);
    }
    assert.equal(asked.length, 2);
    assert.ok((await client.ask(question)).admitted, "whoever asks in order is not concerned");
  } finally {
    client.close();
    await server.close();
  }
});
