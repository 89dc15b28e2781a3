import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { it } from "node:test";
import { eventually } from "../proxy/testing.ts";
import { queueLimitBytes } from "./forward.ts";
import { READ_LEAST_BYTES, READ_MOST_BYTES, UpstreamSocket } from "./upstream.ts";

it("what a target sends arrives whole and in order, and its end after it; while it is paused nothing does", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const upstream = new UpstreamSocket();
  const read: Buffer[] = [];
  upstream.onBytes = (bytes) => read.push(Buffer.from(bytes));
  let ended = false;
  upstream.on("end", () => {
    ended = true;
  });
  upstream.connect((server.address() as { port: number }).port, "127.0.0.1");
  upstream.pause();
  const [target] = (await accepted) as [Socket];
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  target.end(sent);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(read.length, 0);
  upstream.resume();
  await eventually(() => ended, "the end");
  assert.ok(sent.equals(Buffer.concat(read)));
  upstream.destroy();
  server.close();
});

it("one read takes as much as the tunnel says, between the least and the most", async (t) => {
  const server = createServer((target) => target.end(Buffer.alloc(8_000_000))).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  for (const [wanted, most] of [
    [0, READ_LEAST_BYTES],
    [100_000, 100_000],
    [Number.POSITIVE_INFINITY, READ_MOST_BYTES],
  ] as const) {
    const upstream = new UpstreamSocket();
    const reads: number[] = [];
    upstream.onBytes = (bytes) => reads.push(bytes.length);
    upstream.wantedBytes = () => wanted;
    let ended = false;
    upstream.on("end", () => {
      ended = true;
    });
    upstream.connect(port, "127.0.0.1");
    upstream.pause();
    // So that there is more than one read can take.
    await new Promise((resolve) => setTimeout(resolve, 50));
    upstream.resume();
    await eventually(() => ended, "the end");
    upstream.destroy();
    assert.equal(Math.max(...reads), most, `wanted ${wanted}`);
  }
});

it("what a tunnel holds back is more than the socket says `drain` for: it would wait for ever", () => {
  const upstream = new UpstreamSocket();
  for (const tunnels of [1, 512]) assert.ok(upstream.writableHighWaterMark <= queueLimitBytes(tunnels));
  upstream.destroy();
});
