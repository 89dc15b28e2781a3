import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type BodyStep, chunkHead, createBodyReader, LAST_CHUNK } from "./http-body.ts";
import type { Framing } from "./http-head.ts";

function read(framing: Framing, text: string, step = Math.max(1, text.length)) {
  const reader = createBodyReader(framing);
  assert.ok(reader);
  const bytes = Buffer.from(text, "latin1");
  let content = "";
  for (let at = 0; at < bytes.length; at += step) {
    const result: BodyStep = reader.push(bytes.subarray(at, at + step));
    if (!result.ok) return "malformed";
    content += Buffer.concat(result.content).toString("latin1");
    if (result.done) return { content, rest: result.rest.toString("latin1") + text.slice(at + step) };
  }
  return { content };
}

const CHUNKED: Framing = { kind: "chunked" };

describe("createBodyReader", () => {
  it("counts a length, and leaves what comes behind it", () => {
    assert.deepEqual(read({ kind: "length", bytes: 5 }, "helloGET", 3), { content: "hello", rest: "GET" });
    assert.deepEqual(read({ kind: "length", bytes: 5 }, "hell"), { content: "hell" });
    assert.equal(createBodyReader({ kind: "length", bytes: 0 }), undefined);
    assert.equal(createBodyReader({ kind: "none" }), undefined);
  });

  it("reads chunks, their extensions and trailers, byte by byte as well", () => {
    const text =
      '4\r\nWiki\r\n7 ;a="b"\r\npedia i\r\n00B;x\r\nn \r\nchunks.\r\n0;end\r\nX-Trailer: y\r\n\r\nGET';
    for (const step of [1, 2, 5, 1000]) {
      assert.deepEqual(read(CHUNKED, text, step), { content: "Wikipedia in \r\nchunks.", rest: "GET" });
    }
  });

  it("refuses what is not chunked as RFC 9112 section 7.1 writes it", () => {
    for (const text of [
      ...["5\nhello\r\n", "5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\rX", "5\r\nhelloworld\r\n"],
      ...[
        "\r\n",
        " 5\r\n",
        "+5\r\n",
        "-1\r\n",
        "0x5\r\n",
        "5_0\r\n",
        "g\r\n",
        "5 5\r\n",
        "1000000000000000\r\n",
        "5\rX",
      ],
      ...["0\r\nbad trailer\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\n folded\r\n\r\n", "0\r\nA: b\n\r\n"],
      ...[`5;${"x".repeat(5000)}`, `0\r\n${`A: ${"b".repeat(1000)}\r\n`.repeat(20)}`],
    ]) {
      assert.equal(read(CHUNKED, text), "malformed", JSON.stringify(text.slice(0, 30)));
      assert.equal(read(CHUNKED, text, 1), "malformed", JSON.stringify(text.slice(0, 30)));
    }
  });

  it("reads what was written in chunks, however it is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
        fc.integer({ min: 1, max: 50 }),
        (parts, step) => {
          const texts = parts.map((part) => Buffer.from(part).toString("latin1"));
          const body = texts.map((part) => `${chunkHead(part.length)}${part}\r\n`).join("") + LAST_CHUNK;
          assert.deepEqual(read(CHUNKED, `${body}rest`, step), { content: texts.join(""), rest: "rest" });
        },
      ),
    );
  });

  it("takes everything until the close where the framing says so", () => {
    assert.deepEqual(read({ kind: "until-close" }, "0\r\n\r\n"), { content: "0\r\n\r\n" });
  });
});
