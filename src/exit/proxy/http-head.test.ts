import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  endToEnd,
  FIELD_LIMIT,
  HEAD_LIMIT_BYTES,
  HeadReader,
  parseRequestHead,
  parseResponseHead,
  writeHead,
} from "./http-head.ts";

function readHead(text: string, step = text.length) {
  const reader = new HeadReader();
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += step) {
    const read = reader.push(bytes.subarray(at, at + step));
    if (read?.ok) return { text: read.text, rest: read.rest.toString("latin1") + text.slice(at + step) };
    if (read) return read.error;
  }
  return reader.partial ? "partial" : "nothing";
}

/** The error of a request, or what it was taken for. */
function request(text: string) {
  const read = readHead(text.replaceAll("\n", "\r\n"));
  if (typeof read === "string") return read;
  const parsed = parseRequestHead(read.text);
  return parsed.ok ? parsed.head : parsed.error;
}

const errorOf = (text: string): unknown => {
  const result = request(text);
  return typeof result === "string" ? result : "accepted";
};

const HOST = "Host: a.example\n";

describe("HeadReader", () => {
  it("finds the end of a head wherever the bytes are cut", () => {
    const head = "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for (const step of [1, 2, 3, 7, 1000]) {
      assert.deepEqual(readHead(`${head}body`, step), { text: head, rest: "body" }, String(step));
    }
  });

  it("skips empty lines ahead of a request, RFC 9112 section 2.2", () => {
    assert.deepEqual(readHead("\r\n\r\nA b\r\n\r\n", 1), { text: "A b\r\n\r\n", rest: "" });
    assert.equal(readHead("\r\n\r\n", 1), "nothing");
  });

  it("refuses bare line feeds, bare carriage returns and NUL", () => {
    for (const text of [
      "GET / HTTP/1.1\n",
      "\n",
      "A\r\nB: c\n",
      "A\rB",
      "A\r\r\n",
      "A\r\n\rX",
      "A\0",
      "\rA",
    ]) {
      assert.equal(readHead(text), "syntax", JSON.stringify(text));
      assert.equal(readHead(text, 1), "syntax", JSON.stringify(text));
    }
  });

  it("holds no more than its limit", () => {
    assert.equal(readHead("a".repeat(HEAD_LIMIT_BYTES)), "partial");
    assert.equal(readHead("a".repeat(HEAD_LIMIT_BYTES + 1), 1000), "too-large");
    assert.equal(readHead(`A\r\nB: ${"c".repeat(HEAD_LIMIT_BYTES)}\r\n\r\n`), "too-large");
  });

  it("keeps few pieces of a head that comes byte by byte", () => {
    const head = `GET http://a.example/${"x".repeat(1000)} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
    const reader = new HeadReader();
    const pieces = [...head].map((sign) => Buffer.from(sign));
    const last = pieces.pop()!;
    for (const piece of pieces) assert.equal(reader.push(piece), undefined);
    // Whatever is still held as it came shows: it is changed now.
    for (const piece of pieces) piece.fill("?");
    const read = reader.push(last);
    const held = read?.ok === true ? read.text.split("?").length - 1 : -1;
    assert.ok(held >= 0 && held < 64, `${held} of ${pieces.length} pieces are held as they came`);
  });

  it("reads any bytes the same however they are cut", () => {
    const pieces = fc.constantFrom("GET", " ", "\r", "\n", "\r\n", "\r\n\r\n", ":", "a", "\0", "é");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (parts, step) => {
        assert.deepEqual(readHead(parts.join(""), step), readHead(parts.join("")));
      }),
    );
  });
});

describe("parseRequestHead", () => {
  it("reads method, target and fields", () => {
    assert.deepEqual(request(`GET http://a.example/x?y HTTP/1.1\n${HOST}Accept: \t*/* \nX-Empty:\n\n`), {
      method: "GET",
      target: "http://a.example/x?y",
      minorVersion: 1,
      fields: [
        ["Host", "a.example"],
        ["Accept", "*/*"],
        ["X-Empty", ""],
      ],
      framing: { kind: "none" },
    });
  });

  it("refuses what two programs might read differently", () => {
    for (const [text, error] of [
      // Both lengths, RFC 9112 section 6.1.
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 3\nTransfer-Encoding: chunked\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 3\nContent-Length: 4\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 3, 4\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: +3\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: -1\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 0x10\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 1 2\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length:\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 9999999999999999\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Transfer-Encoding: gzip, chunked\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Transfer-Encoding: chunked, identity\n\n`, "framing"],
      [`POST http://a/ HTTP/1.1\n${HOST}Transfer-Encoding: xchunked\n\n`, "framing"],
      [
        `POST http://a/ HTTP/1.1\n${HOST}Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n`,
        "framing",
      ],
      [`POST http://a/ HTTP/1.1\n${HOST}Transfer-Encoding:\n\n`, "framing"],
      ["POST http://a/ HTTP/1.0\nTransfer-Encoding: chunked\n\n", "framing"],
      // obs-fold, white space before the colon, section 5.
      [`GET http://a/ HTTP/1.1\n${HOST}A: b\n c\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n Folded: b\n${HOST}\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}Content-Length : 3\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}Content-Length\t: 3\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}: b\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}no colon\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}A: b\x01c\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}A: b\x7fc\n\n`, "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}Ä: b\n\n`, "syntax"],
      // Host, section 3.2.
      ["GET http://a/ HTTP/1.1\n\n", "syntax"],
      [`GET http://a/ HTTP/1.1\n${HOST}${HOST}\n`, "syntax"],
      // The request line, section 3.
      [`GET  http://a/ HTTP/1.1\n${HOST}\n`, "syntax"],
      [`GET http://a/ b HTTP/1.1\n${HOST}\n`, "syntax"],
      [`GET http://a/\n${HOST}\n`, "syntax"],
      [`GET http://a/ HTTP/1.1 \n${HOST}\n`, "syntax"],
      [` GET http://a/ HTTP/1.1\n${HOST}\n`, "syntax"],
      [`G(T http://a/ HTTP/1.1\n${HOST}\n`, "syntax"],
      [`GET http://a/é HTTP/1.1\n${HOST}\n`, "syntax"],
      [`GET http://a/ http/1.1\n${HOST}\n`, "syntax"],
      [`GET http://a/ HTTP/2.0\n${HOST}\n`, "version"],
      [`GET http://a/ HTTP/1.1\n${HOST}${"A: b\n".repeat(FIELD_LIMIT)}\n`, "too-large"],
    ] as const) {
      assert.equal(errorOf(text), error, JSON.stringify(text.slice(0, 90)));
    }
  });

  it("takes one length said twice, and HTTP/1.0 without Host", () => {
    const head = request(`POST http://a/ HTTP/1.1\n${HOST}Content-Length: 5, 5\nContent-Length: 5\n\n`);
    assert.deepEqual(typeof head === "object" && head.framing, { kind: "length", bytes: 5 });
    assert.equal(errorOf("GET http://a/ HTTP/1.0\n\n"), "accepted");
    assert.equal(errorOf(`POST http://a/ HTTP/1.1\n${HOST}Transfer-Encoding: Chunked\n\n`), "accepted");
  });

  it("writes what it read: a second reading gives the same", () => {
    const token = fc
      .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
      .filter((name) => !/^(?:host|content-length|transfer-encoding)$/i.test(name));
    const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[ -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/);
    fc.assert(
      fc.property(token, fc.array(fc.tuple(token, value), { maxLength: 8 }), (method, others) => {
        const fields: [string, string][] = [["Host", "a"], ...others];
        const read = readHead(writeHead(`${method} http://a/ HTTP/1.1`, fields).toString("latin1"), 5);
        assert.ok(typeof read === "object");
        const parsed = parseRequestHead(read.text);
        assert.ok(parsed.ok);
        assert.deepEqual(parsed.head.fields, fields);
      }),
    );
  });
});

describe("parseResponseHead", () => {
  const response = (text: string, method = "GET") => {
    const parsed = parseResponseHead(text.replaceAll("\n", "\r\n"), method);
    return parsed.ok ? parsed.head : parsed.error;
  };
  const framing = (text: string, method?: string): unknown => {
    const head = response(text, method);
    return typeof head === "object" ? head.framing.kind : head;
  };

  it("knows where the body ends, RFC 9112 section 6.3", () => {
    assert.equal(framing("HTTP/1.1 200 OK\nContent-Length: 5\n\n"), "length");
    assert.equal(framing("HTTP/1.1 200 OK\nContent-Length: 5\n\n", "HEAD"), "none");
    assert.equal(framing("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", "HEAD"), "none");
    assert.equal(framing("HTTP/1.1 204 No Content\nContent-Length: 5\n\n"), "none");
    assert.equal(framing("HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n"), "none");
    assert.equal(framing("HTTP/1.1 100 Continue\n\n"), "none");
    assert.equal(framing("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"), "chunked");
    assert.equal(framing("HTTP/1.1 200\n\n"), "until-close");
    assert.equal(framing("HTTP/1.0 200 OK\n\n"), "until-close");
    assert.equal(framing("HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n"), "framing");
    assert.equal(framing("HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n"), "framing");
    assert.equal(framing("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n"), "framing");
  });

  it("mends what RFC 9112 section 5 says to mend, and refuses the rest", () => {
    const head = response("HTTP/1.1 200 OK\nA : b\nFolded: x\n \t y\n\n");
    assert.deepEqual(typeof head === "object" && head.fields, [
      ["A", "b"],
      ["Folded", "x y"],
    ]);
    for (const text of [
      "HTTP/2 200 OK\n\n",
      "HTTP/1.1 99 X\n\n",
      "HTTP/1.1 600 X\n\n",
      "ICY 200 OK\n\n",
      "HTTP/1.1 200 OK\nbad\n\n",
    ]) {
      assert.equal(response(text), "syntax", text);
    }
  });
});

describe("endToEnd", () => {
  it("drops hop-by-hop fields, what Connection names, and the proxy's own; nothing else", () => {
    const kept = endToEnd([
      ["Host", "a"],
      ["Connection", "close, X-Hop ,Content-Length, host"],
      ["Keep-Alive", "timeout=5"],
      ["Proxy-Authorization", "Basic x"],
      ["Proxy-Connection", "keep-alive"],
      ["Proxy-Anything", "x"],
      ["TE", "trailers"],
      ["Trailer", "X"],
      ["Transfer-Encoding", "chunked"],
      ["Upgrade", "websocket"],
      ["x-hop", "1"],
      ["X-Forwarded-For", "the client's own idea"],
      ["Content-Length", "3"],
      ["Authorization", "Basic y"],
    ]);
    assert.deepEqual(
      kept.map(([name]) => name),
      ["Host", "X-Forwarded-For", "Content-Length", "Authorization"],
    );
  });
});
