import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { after, afterEach, before, describe, it, mock } from "node:test";
import fc from "fast-check";
import { readSocksDatagram, socksDatagramHead } from "./socks5-datagram.ts";
import { eventually, socksNameHandshake, startProxy, Wire } from "./testing.ts";

const ASSOCIATE = 3;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** A UDP socket on loopback that keeps what it hears. */
class Box {
  readonly socket: Socket;
  readonly heard: { text: string; port: number; bytes: Buffer }[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (bytes, { port }) => this.heard.push({ text: String(bytes), port, bytes }));
  }

  static async open(address = "127.0.0.1", port = 0): Promise<Box> {
    const socket = createSocket("udp4").bind(port, address);
    await once(socket, "listening");
    return new Box(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(bytes: Uint8Array | string, port: number): void {
    this.socket.send(bytes, port, "127.0.0.1");
  }

  async next(): Promise<{ text: string; port: number; bytes: Buffer }> {
    await eventually(() => this.heard.length > 0, "a datagram");
    return this.heard.shift()!;
  }
}

const named = (name: string, port: number, data: string): Buffer =>
  Buffer.concat([
    Buffer.of(0, 0, 0, 3, name.length),
    Buffer.from(name),
    Buffer.of(port >> 8, port & 255),
    Buffer.from(data),
  ]);
const addressed = (port: number, data: string | Uint8Array, ip: Uint8Array = LOOPBACK): Buffer =>
  Buffer.concat([socksDatagramHead(ip, port), Buffer.from(data as string)]);

describe("SOCKS5's UDP ASSOCIATE", { timeout: 300_000 }, () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let lookups = 0;
  const boxes: Box[] = [];
  const wires: Wire[] = [];

  before(async () => {
    proxy = await startProxy({
      egress: { denyPorts: [6667] },
      limits: { idleMs: 60_000 },
      resolve: async (name) => {
        lookups += 1;
        return name === "good.example"
          ? { ok: true, addresses: [Uint8Array.of(10, 0, 0, 1), LOOPBACK] }
          : { ok: false, reason: "no-such-name" };
      },
    });
  });
  after(() => proxy.close());
  afterEach(() => {
    for (const wire of wires.splice(0)) wire.close();
    for (const box of boxes.splice(0)) box.socket.close();
  });

  const box = async (address?: string, port?: number): Promise<Box> => {
    const opened = await Box.open(address, port);
    boxes.push(opened);
    return opened;
  };
  const associate = async (port = proxy.socks5): Promise<{ wire: Wire; relay: number }> => {
    const wire = new Wire(port);
    wires.push(wire);
    wire.send(socksNameHandshake("0.0.0.0", 0, ASSOCIATE));
    const answer = await wire.take(14);
    assert.equal(answer.subarray(0, 12).toString("hex"), "05020100050000017f000001");
    return { wire, relay: answer.readUInt16BE(12) };
  };
  /** What was sent before has been dealt with: a datagram behind it comes through. */
  const settled = async (client: Box, relay: number): Promise<void> => {
    const far = await box();
    // Again and again: the kernel drops what comes faster than it is read.
    const timer = setInterval(() => client.send(addressed(far.port, "mark"), relay), 20);
    await far.next().finally(() => clearInterval(timer));
  };

  it("carries datagrams to addresses and names, and back with where they come from", async () => {
    const [client, far] = [await box(), await box()];
    const { relay } = await associate();
    client.send(addressed(far.port, "ping"), relay);
    const ping = await far.next();
    assert.equal(ping.text, "ping");
    far.send("pong", ping.port);
    assert.deepEqual((await client.next()).bytes, addressed(far.port, "pong"));
    client.send(named("good.example", far.port, "by name"), relay);
    assert.equal((await far.next()).text, "by name");
    const before = lookups;
    client.send(named("good.example", far.port, "again"), relay);
    assert.equal((await far.next()).text, "again");
    assert.equal(lookups, before, "a name is not asked for with each datagram");
    client.send(addressed(far.port, ""), relay);
    assert.equal((await far.next()).text, "");
    const large = "x".repeat(60_000);
    client.send(addressed(far.port, large), relay);
    assert.equal((await far.next()).text, large);
  });

  it("keeps to the egress policy with every datagram", async () => {
    const [client, far] = [await box(), await box()];
    const { relay } = await associate();
    const [open, shut] = [await startProxy({ egress: { allow: [] } }), await box()];
    for (const bytes of [
      addressed(6667, "x"),
      addressed(25, "x"),
      addressed(0, "x"),
      addressed(53, "x", Uint8Array.of(10, 0, 0, 1)),
      addressed(53, "x", Uint8Array.of(169, 254, 169, 254)),
      addressed(5353, "x", Uint8Array.of(224, 0, 0, 251)),
      named("localhost", far.port, "x"),
      named("self-test.exits.lethe.internal", 7, "x"),
      named("127.1", far.port, "x"),
      named("nowhere.example", far.port, "x"),
    ])
      client.send(bytes, relay);
    await settled(client, relay);
    assert.equal(far.heard.length, 0);
    // The control: the same address, closed and not.
    const closed = await associate(open.socks5);
    client.send(addressed(far.port, "closed"), closed.relay);
    const other = await box();
    other.send(addressed(far.port, "opened"), (await associate()).relay);
    assert.equal((await far.next()).text, "opened");
    assert.equal(far.heard.length, 0);
    assert.equal(shut.heard.length, 0);
    open.close();
  });

  it("hears its client alone: no other address, no other port", async () => {
    const [client, far, other, elsewhere] = [await box(), await box(), await box(), await box("127.0.0.9")];
    const { relay } = await associate();
    elsewhere.send(addressed(far.port, "from another address"), relay);
    client.send(addressed(far.port, "first"), relay);
    assert.equal((await far.next()).text, "first");
    other.send(addressed(far.port, "from another port"), relay);
    elsewhere.send(addressed(far.port, "from another address"), relay);
    await settled(client, relay);
    assert.equal(far.heard.length, 0);
  });

  it("passes back nothing from where the client has sent nothing", async () => {
    const [client, far, stranger] = [await box(), await box(), await box()];
    const { relay } = await associate();
    client.send(addressed(far.port, "hello"), relay);
    const { port } = await far.next();
    for (let count = 0; count < 50; count += 1) stranger.send("unasked", port);
    far.send("asked", port);
    assert.deepEqual((await client.next()).bytes, addressed(far.port, "asked"));
    await settled(client, relay);
    assert.equal(client.heard.length, 0);
  });

  it("dies with its TCP connection, and its TCP connection with the session", async () => {
    const far = await box();
    for (const end of [
      (wire: Wire) => wire.end(),
      (wire: Wire) => wire.close(),
      () => proxy.authoriser.cutAll(),
    ]) {
      const { wire, relay } = await associate();
      const source = await box();
      source.send(addressed(far.port, "alive"), relay);
      await far.next();
      end(wire);
      await eventually(() => proxy.authoriser.open.size === 0, "the session's end");
      await new Promise((resolve) => setTimeout(resolve, 20));
      source.send(addressed(far.port, "dead"), relay);
      await settled(await box(), (await associate()).relay);
      assert.equal(far.heard.length, 0);
      for (const each of wires.splice(0)) each.close();
      await eventually(() => proxy.authoriser.open.size === 0, "the end of that");
    }
  });

  it("goes on with one of a name's addresses as long as that answers, and then asks anew", async () => {
    const [client, far] = [await box(), await box()];
    const other = await box("127.0.0.2", far.port);
    let asked = 0;
    const turning = await startProxy({
      limits: { idleMs: 600_000 },
      resolve: async () => ({ ok: true, addresses: [Uint8Array.of(127, 0, 0, ++asked)] }),
    });
    const { relay } = await associate(turning.socks5);
    const real = performance.now.bind(performance);
    let aheadMs = 0;
    const clock = mock.method(performance, "now", () => real() + aheadMs);
    const later = async (): Promise<void> => {
      aheadMs += 40_000;
      // The sweeper has looked at the time.
      await new Promise((resolve) => setTimeout(resolve, 700));
    };
    try {
      for (let round = 0; round < 3; round += 1) {
        client.send(named("turning.example", far.port, `ping ${round}`), relay);
        const ping = await far.next();
        assert.equal(ping.text, `ping ${round}`);
        far.send("pong", ping.port);
        await client.next();
        await later();
      }
      assert.equal(asked, 1);
      await later();
      client.send(named("turning.example", far.port, "anew"), relay);
      assert.equal((await other.next()).text, "anew");
      assert.equal(asked, 2);
    } finally {
      clock.mock.restore();
      turning.close();
    }
  });

  it("ends where nothing is carried for the idle time", async () => {
    const hasty = await startProxy({ limits: { idleMs: 1000 } });
    const { wire } = await associate(hasty.socks5);
    await wire.closed();
    hasty.close();
  });

  it("withstands datagrams that are none, 10,000 of them, and goes on", async () => {
    const [client, far] = [await box(), await box()];
    const { relay } = await associate();
    for (let count = 0; count < 10_000; count += 1) {
      client.send(
        Uint8Array.from({ length: count % 40 }, (_, at) => (count * 31 + at * 17) & 255),
        relay,
      );
      if (count % 500 === 0) await new Promise(setImmediate);
    }
    client.send(Buffer.concat([Buffer.of(0, 0, 1), addressed(far.port, "a fragment").subarray(3)]), relay);
    await settled(client, relay);
    assert.equal(far.heard.length, 0);
  });

  it("floods of destinations take the places of the oldest, and no more", async () => {
    const client = await box();
    const { relay } = await associate();
    for (let port = 20_000; port < 26_000; port += 1) {
      client.send(addressed(port, "x"), relay);
      if (port % 200 === 0) await new Promise(setImmediate);
    }
    await settled(client, relay);
  });
});

describe("a SOCKS5 datagram", () => {
  it("is read as it was written, and nothing else is one", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 4, maxLength: 4 }),
          fc.uint8Array({ minLength: 16, maxLength: 16 }),
        ),
        fc.integer({ min: 0, max: 65_535 }),
        fc.uint8Array({ maxLength: 100 }),
        (ip, port, data) => {
          const read = readSocksDatagram(Buffer.concat([socksDatagramHead(ip, port), data]));
          assert.equal(read?.port, port);
          assert.deepEqual(Uint8Array.from(read!.data), data);
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = readSocksDatagram(Buffer.from(bytes));
        if (read === undefined) return;
        assert.deepEqual([...bytes.slice(0, 3)], [0, 0, 0]);
        assert.ok([1, 3, 4].includes(bytes[3]!));
        assert.ok(read.data.length < bytes.length);
      }),
    );
    for (const hex of [
      "",
      "0000",
      "00000001",
      "00000101000000000050",
      "000000020000000000500000",
      "00000003ff41",
    ])
      assert.equal(readSocksDatagram(Buffer.from(hex, "hex")), undefined, hex);
  });
});
