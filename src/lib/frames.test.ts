import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, frame } from "./frames.ts";

test("frames come out as they went in, however the stream is cut", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(payloads, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map((payload) => frame(payload)));
      const got: Uint8Array[] = [];
      const reader = new FrameReader(40, (payload) => got.push(new Uint8Array(payload)));
      for (let at = 0, i = 0; at < stream.length; i++) {
        const end = at + cuts[i % cuts.length]!;
        assert.ok(reader.push(stream.subarray(at, end)));
        at = end;
      }
      assert.deepEqual(got, sent);
    }),
  );
});

test("byte by byte", () => {
  const got: string[] = [];
  const reader = new FrameReader(100, (payload) => got.push(payload.toString()));
  for (const byte of Buffer.concat([frame(Buffer.from("one")), frame(), frame(Buffer.from("two"))])) {
    assert.ok(reader.push(Buffer.of(byte)));
  }
  assert.deepEqual(got, ["one", "", "two"]);
});

test("an announced length over the cap ends the stream, after the frames before it", () => {
  const got: string[] = [];
  const reader = new FrameReader(4, (payload) => got.push(payload.toString()));
  assert.equal(
    reader.push(Buffer.concat([frame(Buffer.from("good")), frame(Buffer.from("too long"))])),
    false,
  );
  assert.equal(reader.push(frame(Buffer.from("late"))), false);
  assert.deepEqual(got, ["good"]);
});
