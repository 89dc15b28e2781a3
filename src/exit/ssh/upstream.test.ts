import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { it } from "node:test";
import { eventually } from "../proxy/testing.ts";
import { queueLimitBytes } from "./forward.ts";
import { UpstreamSocket } from "./upstream.ts";

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

it("what a tunnel holds back is more than the socket says `drain` for: it would wait for ever", () => {
  const upstream = new UpstreamSocket();
  for (const tunnels of [1, 512]) assert.ok(upstream.writableHighWaterMark <= queueLimitBytes(tunnels));
  upstream.destroy();
});
