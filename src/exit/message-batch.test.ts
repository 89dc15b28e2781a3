import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { FrameReader } from "../lib/frames.ts";
import { MessageBatch } from "./message-batch.ts";

describe("MessageBatch", () => {
  /** A batch, and every frame it has written. */
  function batch(): { batch: MessageBatch; frames: unknown[]; stream: PassThrough } {
    const stream = new PassThrough();
    const frames: unknown[] = [];
    const reader = new FrameReader(1_000_000, (payload) => frames.push(JSON.parse(payload.toString())));
    stream.on("data", (chunk) => reader.push(chunk));
    return { batch: new MessageBatch(stream as unknown as Socket), frames, stream };
  }

  it("writes what one turn says in one frame, with what had waited for company", async () => {
    const { batch: out, frames, stream } = batch();
    out.addLater([2, 1]);
    out.add([1, 2]);
    out.addLater([2, 3]);
    await once(stream, "data");
    assert.deepEqual(frames, [
      [
        [2, 1],
        [1, 2],
        [2, 3],
      ],
    ]);
  });

  it("writes what nobody waits for within milliseconds, alone if need be", async (t) => {
    // By their own clock: on a busy machine the next turn begins after those milliseconds.
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { batch: out, frames, stream } = batch();
    out.addLater([2, 1]);
    await new Promise(setImmediate);
    assert.deepEqual(frames, []);
    for (const [count, message] of [
      [2, 1],
      [2, 2],
    ].entries()) {
      if (count > 0) out.addLater(message);
      const written = once(stream, "data");
      t.mock.timers.tick(10);
      await written;
      assert.deepEqual(frames[count], [message]);
    }
    assert.equal(frames.length, 2);
  });
});
