import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { wireguardKey } from "../wireguard/own-key.ts";
import { beginHandshake, wireguardWorks } from "./wireguard-client.ts";

// That a real engine's answer is known, and an answer with another key is not: wireguard/engine.test.ts.

const server = wireguardKey(Buffer.alloc(32, 1));
const device = wireguardKey(Buffer.alloc(32, 2));
const serverKey = Buffer.from(server.publicKey, "base64");

test("an initiation has the form of the paper, and no two are alike", () => {
  const one = beginHandshake(device, serverKey).initiation;
  const other = beginHandshake(device, serverKey).initiation;
  assert.equal(one.length, 148);
  assert.deepEqual([...one.subarray(0, 4)], [1, 0, 0, 0]);
  assert.deepEqual([...one.subarray(132)], Array(16).fill(0), "no cookie, no mac2");
  assert.ok(!one.subarray(8, 40).equals(other.subarray(8, 40)));
});

test("bytes that nobody with the server's key made are no answer", () => {
  const { initiation, answers } = beginHandshake(device, serverKey);
  const like = (length: number, type: number) => {
    const bytes = randomBytes(length);
    bytes.set([type, 0, 0, 0]);
    initiation.copy(bytes, type === 2 ? 8 : 4, 4, 8);
    return bytes;
  };
  assert.equal(answers(like(92, 2)), false);
  assert.equal(answers(initiation), false);
  assert.equal(answers(like(64, 3)), true, "asked for proof of the address, as under a flood");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => answers(bytes) === false));
});

test("an engine that is silent or talks nonsense does not work, and a key that is none neither", async () => {
  const silent = createSocket("udp4");
  silent.bind(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const works = (key: string) =>
    wireguardWorks({ address: "127.0.0.1", port, serverKey: key, key: device, timeoutMs: 100 });
  assert.equal(await works(server.publicKey), false);
  silent.on("message", (_, { port: to }) => silent.send(randomBytes(92), to, "127.0.0.1"));
  assert.equal(await works(server.publicKey), false);
  assert.equal(await works("AAAA"), false);
  silent.close();
});
