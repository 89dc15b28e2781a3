import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { it } from "node:test";
import type { ServerChannel } from "ssh2";
import { Sweeper } from "../proxy/sweeper.ts";
import { Forward, queueLimitBytes } from "./forward.ts";
import type { UpstreamSocket } from "./upstream.ts";

it("all tunnels of a connection together keep no more waiting than so much, each way", () => {
  assert.equal(queueLimitBytes(0), 256 * 1024);
  assert.equal(queueLimitBytes(10), 256 * 1024, "few have as much as ever");
  for (const tunnels of [100, 300, 512]) assert.ok(tunnels * queueLimitBytes(tunnels) <= 16 * 1024 * 1024);
});

/** Takes what is written and never says that it is gone. */
const stuck = (): Duplex => new Duplex({ read: () => {}, write: () => {} });

/** A tunnel of which each side may hold 1000 bytes. */
function stuckTunnel(window: number) {
  const sweeper = new Sweeper();
  const channel = Object.assign(stuck(), { outgoing: { window }, eof: () => {}, close: () => {} });
  const upstream = Object.assign(stuck(), {
    onBytes: (_bytes: Buffer): void => {},
    wantedBytes: (): number => 0,
    resetAndDestroy: () => upstream.destroy(),
  });
  const tunnel = new Forward({
    channel: channel as unknown as ServerChannel,
    upstream: upstream as unknown as UpstreamSocket,
    carrier: {
      unsentBytes: () => 0,
      queueLimitBytes: () => 1000,
      heldChanged: () => {},
      closed: () => {},
    },
    sweeper,
    idleMs: 60_000,
  });
  const end = (): void => {
    tunnel.abort();
    sweeper.close();
  };
  return { channel, upstream, end };
}

it("a tunnel that is at its share is read no further, at either end", () => {
  const { channel, upstream, end } = stuckTunnel(0);
  for (const [from, to, bring] of [
    [channel, upstream, (bytes: Buffer) => channel.emit("data", bytes)],
    [upstream, channel, (bytes: Buffer) => upstream.onBytes(bytes)],
  ] as const) {
    bring(Buffer.alloc(1000));
    assert.ok(!from.isPaused());
    bring(Buffer.alloc(1));
    assert.ok(from.isPaused());
    assert.equal(to.writableLength, 1001);
  }
  end();
});

it("one read is twice a tunnel's share of what may wait, whatever the window", () => {
  for (const window of [0, 1_000_000]) {
    const { upstream, end } = stuckTunnel(window);
    assert.equal(upstream.wantedBytes(), 2000);
    end();
  }
});

it("what the client's window has no room for is a copy: the bytes read belong to all tunnels", () => {
  for (const [window, copied] of [
    [4, false],
    [3, true],
    [0, true],
  ] as const) {
    const { channel, upstream, end } = stuckTunnel(window);
    const taken: Buffer[] = [];
    channel._write = (chunk: Buffer) => taken.push(chunk);
    const bytes = Buffer.from("read");
    upstream.onBytes(bytes);
    bytes.fill("x");
    assert.equal(String(taken[0]), copied ? "read" : "xxxx", `a window of ${window}`);
    end();
  }
});

it("what comes while something waits is a copy too, whatever the window", () => {
  const { channel, upstream, end } = stuckTunnel(1000);
  const bytes = Buffer.from("one ");
  upstream.onBytes(bytes);
  upstream.onBytes(bytes.fill("two "));
  bytes.fill("x");
  // The first is on its way, and never arrives; the second waits in the stream.
  const [waiting] = (
    channel as unknown as { _writableState: { getBuffer(): { chunk: Buffer }[] } }
  )._writableState.getBuffer();
  assert.equal(String(waiting!.chunk), "two ");
  end();
});
