import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startProxy } from "./proxy/testing.ts";
import { startSsh } from "./ssh/testing.ts";

const CONNECTIONS = 1000;
const AT_ONCE = 50;
/** What a heap may hold more afterwards: half a kilobyte for each connection would be lost for good. */
const KEPT_MOST_BYTES = CONNECTIONS * 500;

/** How strangers begin; what follows is random, or nothing. */
const BEGINNINGS: readonly (string | Buffer)[] = [
  "",
  "SSH-2.0-x\r\n",
  Buffer.of(5, 1, 2),
  Buffer.of(5, 1, 2, 1, 3, 97),
  "CONNECT x:1 HTTP/1.1\r\n",
  "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
  Buffer.of(0x16, 3, 1),
];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function heldBytes(): Promise<number> {
  // What a socket leaves goes a turn later.
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await sleep(20);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function stranger(port: number, index: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("data", () => {});
    const beginning = Buffer.from(BEGINNINGS[index % BEGINNINGS.length]!);
    const rest = index % 3 === 0 ? Buffer.alloc(0) : randomBytes(1 + ((index * 7) % 1400));
    socket.once("connect", () => socket.end(Buffer.concat([beginning, rest])));
  });
}

async function flood(ports: readonly number[]): Promise<void> {
  for (let index = 0; index < CONNECTIONS; index += AT_ONCE)
    await Promise.all(
      ports.flatMap((port) => Array.from({ length: AT_ONCE }, (_, n) => stranger(port, index + n))),
    );
}

describe("connections that bring garbage", { timeout: 300_000 }, () => {
  const keepsNothing = async (ports: readonly number[], context: { diagnostic(text: string): void }) => {
    await flood(ports);
    const before = await heldBytes();
    await flood(ports);
    const kept = (await heldBytes()) - before;
    context.diagnostic(`${kept} bytes more after ${CONNECTIONS} connections`);
    assert.ok(kept < KEPT_MOST_BYTES * ports.length, `${kept} bytes`);
  };

  test("leave nothing in an SSH worker", async (context) => {
    const ssh = await startSsh();
    await keepsNothing([ssh.port], context).finally(() => ssh.close());
  });

  test("leave nothing in a proxy", async (context) => {
    const proxy = await startProxy();
    await keepsNothing([proxy.socks5, proxy.http], context).finally(() => proxy.close());
  });
});
