import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { connectUpstream, type Relay, relay } from "./relay.ts";
import { Sweeper } from "./sweeper.ts";
import { eventually, startServer, Wire } from "./testing.ts";

/** A relay between a client's `Wire` and the socket that the server got. */
interface Pair {
  client: Wire;
  server: Socket;
  /** The relay's own ends: towards the client, towards the server. */
  near: Socket;
  far: Socket;
  relay: Relay;
}

const LIMIT_BYTES = 512 * 1024;

describe("relay", { timeout: 300_000 }, () => {
  let sweeper: Sweeper;
  let cleanUp: (() => void)[];

  beforeEach(() => {
    sweeper = new Sweeper(20);
    cleanUp = [() => sweeper.close()];
  });
  afterEach(() => {
    for (const one of cleanUp) one();
  });

  async function pair(options: { idleMs?: number; head?: string } = {}): Promise<Pair> {
    const taken = Promise.withResolvers<Socket>();
    const made = Promise.withResolvers<Pick<Pair, "near" | "far" | "relay">>();
    const target = await startServer(taken.resolve);
    const door = await startServer(async (socket) => {
      socket.pause();
      const upstream = connectUpstream("127.0.0.1", target.port);
      await once(upstream, "connect");
      const head = Buffer.from(options.head ?? "");
      const running = relay(socket, upstream, { idleMs: options.idleMs ?? 60_000, head, sweeper });
      made.resolve({ near: socket, far: upstream, relay: running });
    });
    const client = new Wire(door.port);
    cleanUp.push(target.close, door.close, () => client.close());
    return { client, server: await taken.promise, ...(await made.promise) };
  }

  const received = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      const hash = createHash("sha256");
      socket.on("data", (chunk) => hash.update(chunk)).on("end", () => resolve(hash.digest("hex")));
    });
  const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

  it("carries megabytes both ways at once unharmed", async () => {
    const { client, server, relay: running } = await pair();
    const [up, down] = [randomBytes(9_000_001), randomBytes(11_000_003)];
    const got = Promise.all([received(server), received(client.socket)]);
    server.end(down);
    client.send(up).end();
    assert.deepEqual(await got, [digest(up), digest(down)]);
    await running.done;
  });

  it("holds little for a client that does not read, and loses nothing of it", async () => {
    const { client, server, near, far, relay: running } = await pair();
    const bytes = randomBytes(30_000_000);
    client.socket.removeAllListeners("data");
    client.socket.pause();
    server.end(bytes);
    await eventually(() => far.isPaused(), "the upstream is paused");
    assert.ok(near.writableLength > 0 && near.writableLength <= LIMIT_BYTES, String(near.writableLength));
    const got = received(client.socket);
    client.socket.on("data", () => {
      client.socket.pause();
      setImmediate(() => client.socket.resume());
    });
    client.socket.resume();
    assert.equal(await got, digest(bytes));
    client.end();
    await running.done;
  });

  it("holds little for a server that does not read, and loses nothing of it", async () => {
    const { client, server, near, far, relay: running } = await pair();
    const bytes = randomBytes(30_000_000);
    client.send(bytes).end();
    await eventually(() => near.isPaused(), "the client is paused");
    assert.ok(far.writableLength > 0 && far.writableLength <= LIMIT_BYTES, String(far.writableLength));
    assert.equal(await received(server), digest(bytes));
    server.end();
    await running.done;
  });

  it("lets a kept read buffer rest while any of it is unsent", async () => {
    const { client, server, near, far, relay: running } = await pair();
    const sent = createHash("sha256");
    let sentBytes = 0;
    const send = (length: number): void => {
      const bytes = randomBytes(length);
      sent.update(bytes);
      sentBytes += length;
      server.write(bytes);
    };
    const got = received(client.socket);
    // A stream of large reads earns the tunnel its own buffer; then reads of middle size into it, for nobody.
    send(4_000_000);
    await eventually(() => client.socket.bytesRead === sentBytes, "the stream is through");
    client.socket.pause();
    while (near.writableLength === 0) {
      send(60_000);
      await eventually(() => far.bytesRead === sentBytes || near.writableLength > 0, "the piece is read");
    }
    for (let more = 0; more < 4; more += 1) {
      send(60_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    client.socket.resume();
    server.end();
    assert.equal(await got, sent.digest("hex"));
    client.end();
    await running.done;
  });

  it("copies what it reads into the buffer that all quiet tunnels share", async () => {
    const [stalled, other] = [await pair(), await pair()];
    const sent = createHash("sha256");
    const { client, server, near, far } = stalled;
    const got = received(client.socket);
    client.socket.pause();
    let sentBytes = 0;
    while (near.writableLength === 0) {
      const bytes = randomBytes(60_000);
      sent.update(bytes);
      sentBytes += bytes.length;
      server.write(bytes);
      await eventually(() => far.bytesRead === sentBytes || near.writableLength > 0, "the piece is read");
    }
    other.server.write(randomBytes(60_000));
    await other.client.take(60_000);
    client.socket.resume();
    server.end();
    assert.equal(await got, sent.digest("hex"));
  });

  it("sends the head before anything else", async () => {
    const { client, server } = await pair({ head: "head " });
    client.send("and tail").end();
    let text = "";
    server.on("data", (chunk) => {
      text += chunk;
    });
    await once(server, "end");
    assert.equal(text, "head and tail");
  });

  it("passes an end on while the other direction goes on", async () => {
    const { client, server, relay: running } = await pair();
    server.resume();
    client.send("question").end();
    await once(server, "end");
    server.write("an answer ");
    assert.equal(String(await client.take(10)), "an answer ");
    server.end("later");
    assert.equal(await client.takeAll(), "later");
    await running.done;
  });

  it("passes the server's end on while the client goes on", async () => {
    const { client, server, relay: running } = await pair();
    server.end("bye");
    assert.equal(await client.takeAll(), "bye");
    client.send("still here").end();
    const [chunk] = await once(server, "data");
    assert.equal(String(chunk), "still here");
    await running.done;
  });

  it("passes a reset on, either way", async () => {
    const first = await pair();
    first.server.resetAndDestroy();
    assert.equal(await first.client.closed(), "reset");
    await first.relay.done;

    const second = await pair();
    const failed = once(second.server, "error");
    second.server.resume();
    second.client.socket.resetAndDestroy();
    const [error] = await failed;
    assert.equal(error.code, "ECONNRESET");
    await second.relay.done;
  });

  it("lets go of a server that floods a client which ended and then broke off", async () => {
    const piece = Buffer.alloc(256 * 1024);
    for (let round = 0; round < 40; round += 1) {
      const { client, server, relay: running } = await pair();
      const flood = (): void => {
        while (!server.destroyed && server.write(piece));
      };
      server.on("drain", flood);
      flood();
      await client.take(1);
      // FIN and, on the next byte that comes, RST.
      client.end();
      setImmediate(() => client.close());
      await running.done;
      await eventually(() => server.destroyed, "the server is let go");
    }
  });

  it("delivers the whole answer of a server that closes while the client still sends", async () => {
    const { client, server, near, far, relay: running } = await pair();
    const sent = createHash("sha256");
    const got = received(client.socket);
    client.socket.pause();
    let sentBytes = 0;
    while (near.writableLength === 0) {
      const bytes = randomBytes(60_000);
      sent.update(bytes);
      sentBytes += bytes.length;
      server.write(bytes);
      await eventually(() => far.bytesRead === sentBytes || near.writableLength > 0, "the piece is read");
    }
    server.end();
    await eventually(() => near.writableEnded, "the end is passed on");
    assert.equal(near.writableFinished, false);
    server.destroy();
    const uploading = setInterval(() => client.send("more"), 2);
    await eventually(() => far.destroyed, "the server's side breaks off").finally(() =>
      clearInterval(uploading),
    );
    client.socket.resume();
    assert.equal(await got, sent.digest("hex"));
    client.end();
    await running.done;
  });

  it("ends a tunnel without a byte either way, and no other", async () => {
    // Many times what lies between two bytes of the busy one, also on a busy machine.
    const quiet = await pair({ idleMs: 1500 });
    const busy = await pair({ idleMs: 1500 });
    const talking = setInterval(() => busy.server.write("."), 20);
    try {
      await quiet.relay.done;
      const after = busy.client.socket.bytesRead;
      await eventually(() => busy.client.socket.bytesRead > after + 5, "the busy one goes on");
    } finally {
      clearInterval(talking);
    }
    await busy.relay.done;
  });

  it("ends both sides on abort", async () => {
    const { client, server, relay: running } = await pair();
    server.resume();
    running.abort();
    running.abort();
    await running.done;
    await client.closed();
    if (!server.readableEnded) await once(server, "end");
  });

  it("refuses an upstream that is not its own", async () => {
    const { server } = await pair();
    assert.throws(() => relay(server, server, { idleMs: 1000, head: Buffer.alloc(0), sweeper }), TypeError);
  });
});
