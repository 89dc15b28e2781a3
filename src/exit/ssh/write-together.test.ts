import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { writeTogether } from "./write-together.ts";

/** Each call that reaches the kernel, as text. */
function socketInMemory(): { socket: Socket; calls: string[] } {
  const calls: string[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      calls.push(chunk.toString());
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()).join("+"));
      done();
    },
  });
  return { socket: socket as unknown as Socket, calls };
}

const nextRound = () => new Promise((resolve) => setImmediate(resolve));

test("what is written in one go leaves in one call, in order, and the next go in another", async () => {
  const { socket, calls } = socketInMemory();
  writeTogether(socket);
  const taken: string[] = [];
  for (const part of ["length", "text", "tag"]) socket.write(part, () => taken.push(part));
  await nextRound();
  assert.deepEqual(calls, ["length+text+tag"]);
  assert.deepEqual(taken, ["length", "text", "tag"]);
  socket.write("more");
  await nextRound();
  assert.deepEqual(calls, ["length+text+tag", "more"]);
});

test("control: without it each write is a call", async () => {
  const { socket, calls } = socketInMemory();
  for (const part of ["length", "text", "tag"]) socket.write(part);
  await nextRound();
  assert.deepEqual(calls, ["length", "text", "tag"]);
});

test("an end in the same go loses nothing", async () => {
  const { socket, calls } = socketInMemory();
  writeTogether(socket);
  socket.write("last");
  socket.end("words");
  await new Promise((resolve) => socket.once("finish", resolve));
  assert.equal(calls.join("+"), "last+words");
});

test("what was written before the socket is destroyed in the same go has left", () => {
  const { socket, calls } = socketInMemory();
  writeTogether(socket);
  socket.write("last");
  socket.write("words");
  socket.destroy();
  assert.deepEqual(calls, ["last+words"]);
});
