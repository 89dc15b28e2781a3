import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { parseIp } from "../../lib/ip.ts";
import type { Resolve } from "./resolve.ts";
import {
  eventually,
  PASSWORD,
  socksHandshake,
  socksNameHandshake,
  startProxy,
  startServer,
  USERNAME,
  Wire,
} from "./testing.ts";

const GREETED = "0502";
const LOGGED_IN = "0100";
const CONNECTED = "05000001000000000000";
const hex = (bytes: Buffer): string => bytes.toString("hex");

/** What the names of these tests have for addresses. */
const names: Record<string, string[]> = {
  "good.example": ["127.0.0.1"],
  "mixed.example": ["10.0.0.1", "::1", "fd00::1", "127.0.0.1"],
  "inside.example": ["10.0.0.1", "192.168.0.1", "::ffff:10.0.0.1"],
  "mapped.example": ["::ffff:127.0.0.1"],
};
const resolve: Resolve = async (name) => {
  if (name === "down.example") return { ok: false, reason: "unavailable" };
  const addresses = names[name]?.map((text) => parseIp(text)!);
  return addresses ? { ok: true, addresses } : { ok: false, reason: "no-such-name" };
};

describe("the SOCKS5 proxy", () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let echo: Awaited<ReturnType<typeof startServer>>;
  let wire: Wire;

  before(async () => {
    proxy = await startProxy({ resolve, egress: { denyPorts: [6667] } });
    echo = await startServer((socket) => socket.pipe(socket));
  });
  after(() => {
    proxy.close();
    echo.close();
  });

  const dial = (): Wire => {
    wire = new Wire(proxy.socks5);
    return wire;
  };

  it("carries bytes step by step", async () => {
    dial().send(Buffer.of(5, 2, 0, 2));
    assert.equal(hex(await wire.take(2)), GREETED);
    wire.send(socksHandshake(echo.port).subarray(3, -10));
    assert.equal(hex(await wire.take(2)), LOGGED_IN);
    wire.send(socksHandshake(echo.port).subarray(-10));
    assert.equal(hex(await wire.take(10)), CONNECTED);
    wire.send("hello");
    assert.equal(String(await wire.take(5)), "hello");
    wire.close();
    assert.equal(proxy.authoriser.attempts.at(-1)?.address, "127.0.0.1");
  });

  it("takes a handshake in one packet, and loses nothing pipelined behind it", async () => {
    dial().send(Buffer.concat([socksHandshake(echo.port), Buffer.from("early data")]));
    assert.equal(hex(await wire.take(14)), GREETED + LOGGED_IN + CONNECTED);
    assert.equal(String(await wire.take(10)), "early data");
    wire.close();
  });

  it("takes a handshake byte by byte", async () => {
    await dial().sendBytewise(Buffer.concat([socksHandshake(echo.port), Buffer.from("x")]));
    assert.equal(hex(await wire.take(14)), GREETED + LOGGED_IN + CONNECTED);
    assert.equal(String(await wire.take(1)), "x");
    wire.close();
  });

  it("takes a client that closes its side right behind its request", async () => {
    dial().send(Buffer.concat([socksHandshake(echo.port), Buffer.from("all")]));
    wire.end();
    assert.equal((await wire.takeAll()).slice(14), "all");
    assert.equal(await wire.closed(), "clean");
  });

  it("accepts username and password alone", async () => {
    for (const offer of [Buffer.of(5, 1, 0), Buffer.of(5, 0), Buffer.of(5, 2, 0, 1)]) {
      dial().send(offer);
      assert.equal(Buffer.from(await wire.takeAll(), "latin1").toString("hex"), "05ff");
      wire.end();
      assert.equal(await wire.closed(), "clean");
    }
  });

  it("refuses a login with a status of its own for each reason, and closes", async () => {
    for (const [password, status] of [
      ["wrong", 1],
      ["refuse:expired", 2],
      ["refuse:slow-down", 3],
      ["refuse:too-many", 4],
      ["refuse:unavailable", 5],
    ] as const) {
      const login = Buffer.from(
        `\x01${String.fromCharCode(USERNAME.length)}${USERNAME}\x00${password}`,
        "latin1",
      );
      login[2 + USERNAME.length] = password.length;
      dial().send(Buffer.concat([Buffer.of(5, 1, 2), login]));
      assert.equal(Buffer.from(await wire.takeAll(), "latin1").toString("hex"), `${GREETED}010${status}`);
      wire.close();
    }
    assert.notEqual(PASSWORD, "wrong");
  });

  const replyTo = async (handshake: Buffer): Promise<number> => {
    dial().send(handshake);
    const answer = Buffer.from(await wire.takeAll(), "latin1");
    wire.end();
    assert.equal(await wire.closed(), "clean");
    return answer[5]!;
  };

  it("supports no BIND, and no command that there is none of", async () => {
    for (const command of [0, 2, 4, 255])
      assert.equal(await replyTo(socksNameHandshake("good.example", 80, command)), 7);
    assert.equal(await replyTo(Buffer.concat([socksHandshake(80).subarray(0, -7), Buffer.of(9, 0, 0)])), 8);
  });

  it("answers what the policy closes with 'not allowed'", async () => {
    for (const [name, port] of [
      ["inside.example", 80],
      ["10.0.0.1", 80],
      ["169.254.169.254", 80],
      ["[::1]", 80],
      ["::ffff:10.0.0.1", 80],
      ["2130706433", echo.port],
      ["0x7f.1", echo.port],
      ["0177.0.0.1", echo.port],
      ["localhost", echo.port],
      ["fe80::1%lo", 80],
      ["a\0b", 80],
      ["", 80],
      ["good.example", 25],
      ["good.example", 6667],
      ["good.example", 0],
    ] as const) {
      assert.equal(await replyTo(socksNameHandshake(name, port)), 2, JSON.stringify(name));
    }
  });

  it("answers what cannot be reached with the reason", async () => {
    const gone = await startServer(() => {});
    gone.close();
    assert.equal(await replyTo(socksHandshake(gone.port)), 5);
    assert.equal(await replyTo(socksNameHandshake("nowhere.example", 80)), 4);
    assert.equal(await replyTo(socksNameHandshake("down.example", 80)), 1);
  });

  it("goes to the open addresses of a name and to none of its closed ones", async () => {
    for (const name of ["good.example", "mixed.example", "mapped.example", "GOOD.example."]) {
      dial().send(Buffer.concat([socksNameHandshake(name, echo.port), Buffer.from("hi")]));
      assert.equal(hex(await wire.take(14)), GREETED + LOGGED_IN + CONNECTED, name);
      assert.equal(String(await wire.take(2)), "hi");
      wire.close();
    }
  });

  it("hangs up on what is not SOCKS5", async () => {
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x04\x01\x00\x50", "\x05\x01\x02\x05"]) {
      await dial().send(bytes).closed();
    }
  });

  it("ends the session with the connection, and the connection with the session", async () => {
    await eventually(() => proxy.authoriser.open.size === 0, "earlier sessions end");
    dial().send(socksHandshake(echo.port));
    await wire.take(14);
    assert.equal(proxy.authoriser.open.size, 1);
    wire.close();
    await eventually(() => proxy.authoriser.open.size === 0, "the session ends");

    dial().send(socksHandshake(echo.port));
    await wire.take(14);
    proxy.authoriser.cutAll();
    await wire.closed();
    await eventually(() => proxy.authoriser.open.size === 0, "the cut session ends");
  });
});

it("a SOCKS5 handshake has so much time, however it is spent", async () => {
  const proxy = await startProxy({ limits: { handshakeMs: 300 } });
  const silent = new Wire(proxy.socks5);
  const slow = new Wire(proxy.socks5);
  const dripping = setInterval(() => slow.send(Uint8Array.of(5)), 40);
  const started = performance.now();
  try {
    await Promise.all([silent.closed(), slow.closed()]);
  } finally {
    clearInterval(dripping);
    proxy.close();
  }
  assert.ok(performance.now() - started >= 250);
});
