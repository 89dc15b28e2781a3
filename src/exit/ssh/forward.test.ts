import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { it } from "node:test";
import type { ServerChannel } from "ssh2";
import { Sweeper } from "../proxy/sweeper.ts";
import { Forward, queueLimitBytes } from "./forward.ts";

it("all tunnels of a connection together keep no more waiting than so much, each way", () => {
  assert.equal(queueLimitBytes(0), 256 * 1024);
  assert.equal(queueLimitBytes(10), 256 * 1024, "few have as much as ever");
  for (const tunnels of [100, 300, 512]) assert.ok(tunnels * queueLimitBytes(tunnels) <= 16 * 1024 * 1024);
});

it("a tunnel that is at its share is read no further, at either end", () => {
  const sweeper = new Sweeper();
  // Takes what is written and never says that it is gone.
  const stuck = (): Duplex => new Duplex({ read: () => {}, write: () => {} });
  const [channel, upstream] = [stuck(), stuck()];
  const tunnel = new Forward({
    channel: Object.assign(channel, { eof: () => {}, close: () => {} }) as unknown as ServerChannel,
    upstream: Object.assign(upstream, { resetAndDestroy: () => upstream.destroy() }) as unknown as Socket,
    carrier: {
      unsentBytes: () => 0,
      queueLimitBytes: () => 1000,
      heldChanged: () => {},
      closed: () => {},
    },
    sweeper,
    idleMs: 60_000,
  });
  for (const [from, to] of [
    [channel, upstream],
    [upstream, channel],
  ] as const) {
    from.emit("data", Buffer.alloc(1000));
    assert.ok(!from.isPaused());
    from.emit("data", Buffer.alloc(1));
    assert.ok(from.isPaused());
    assert.equal(to.writableLength, 1001);
  }
  tunnel.abort();
  sweeper.close();
});
