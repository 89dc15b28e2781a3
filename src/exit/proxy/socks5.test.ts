import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type SocksMessage, SocksReader, socksReply } from "./socks5.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Everything the reader makes of `chunks`, fed one after the other. */
function read(chunks: Buffer[]): { messages: SocksMessage[]; rest: string } {
  const reader = new SocksReader();
  const messages: SocksMessage[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let message = reader.next(); message; message = reader.next()) messages.push(message);
  }
  return { messages, rest: reader.rest().toString("hex") };
}

const bytewise = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.of(byte));

const GREETING = hex("05 02 00 02");
const LOGIN = Buffer.from("\x01\x05alice\x06secret", "latin1");

describe("SocksReader", () => {
  it("reads a handshake in one piece, byte by byte, and with data pipelined behind it", () => {
    const request = hex("05 01 00 01 c0000201 01bb");
    const whole = Buffer.concat([GREETING, LOGIN, request, Buffer.from("GET")]);
    const expected = {
      messages: [
        { kind: "greeting", offersPassword: true },
        { kind: "login", username: "alice", password: "secret" },
        { kind: "request", command: 1, host: "192.0.2.1", port: 443 },
      ],
      rest: Buffer.from("GET").toString("hex"),
    };
    assert.deepEqual(read([whole]), expected);
    assert.deepEqual(read(bytewise(whole)), expected);
  });

  it("reads every address type of RFC 1928 section 5", () => {
    const ahead = Buffer.concat([GREETING, LOGIN]);
    const requested = (text: string): SocksMessage | undefined => read([ahead, hex(text)]).messages[2];
    assert.deepEqual(requested("05 01 00 01 7f000001 0050"), {
      kind: "request",
      command: 1,
      host: "127.0.0.1",
      port: 80,
    });
    assert.deepEqual(requested(`05 01 00 03 0b ${Buffer.from("example.org").toString("hex")} ffff`), {
      kind: "request",
      command: 1,
      host: "example.org",
      port: 65_535,
    });
    assert.deepEqual(requested("05 02 00 04 20010db8000000000000000000000001 0000"), {
      kind: "request",
      command: 2,
      host: "2001:db8::1",
      port: 0,
    });
    assert.deepEqual(requested("05 01 00 03 00 0050"), { kind: "request", command: 1, host: "", port: 80 });
    assert.deepEqual(requested("05 01 00 02 00"), { kind: "malformed", what: "address-type" });
  });

  it("says whether username and password are offered", () => {
    for (const [text, offersPassword] of [
      ["05 01 00", false],
      ["05 00", false],
      ["05 03 00 01 80", false],
      ["05 01 02", true],
    ] as const) {
      assert.deepEqual(read([hex(text)]).messages, [{ kind: "greeting", offersPassword }], text);
    }
  });

  it("takes names and passwords of 0 to 255 bytes, as UTF-8", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 40 }),
        fc.string({ unit: "grapheme", maxLength: 40 }),
        (username, password) => {
          const [name, word] = [Buffer.from(username), Buffer.from(password)];
          fc.pre(name.length < 256 && word.length < 256);
          const login = Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(word.length), word]);
          assert.deepEqual(read([GREETING, login]).messages[1], { kind: "login", username, password });
        },
      ),
    );
  });

  it("knows at the first byte what is not SOCKS5", () => {
    for (const text of ["04", "47455420", "16", "00"]) {
      assert.deepEqual(read([hex(text)]).messages, [{ kind: "malformed", what: "version" }], text);
    }
    assert.deepEqual(read([GREETING, hex("05")]).messages[1], { kind: "malformed", what: "version" });
    assert.deepEqual(read([GREETING, LOGIN, hex("01")]).messages[2], { kind: "malformed", what: "version" });
  });

  it("waits where anything is missing", () => {
    const whole = Buffer.concat([GREETING, LOGIN, hex("05 01 00 03 03 616263 0050")]);
    for (let length = 0; length < whole.length; length += 1) {
      const { messages } = read([whole.subarray(0, length)]);
      assert.equal(messages.length, length < 4 ? 0 : length < 4 + LOGIN.length ? 1 : 2, String(length));
    }
  });

  it("reads any bytes the same however they are cut, and never throws", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.uint8Array({ maxLength: 80 }).map((tail) => Buffer.concat([GREETING, LOGIN, tail])),
    );
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(600)), (array, cuts) => {
        const whole = Buffer.from(array);
        const at = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length];
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        assert.deepEqual(read(chunks), read([whole]));
      }),
    );
  });
});

it("a reply names no address of the exit", () => {
  assert.deepEqual(socksReply(5), hex("05 05 00 01 00000000 0000"));
});
