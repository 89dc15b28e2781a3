import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseBasic } from "./basic-auth.ts";

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

describe("parseBasic", () => {
  it("reads the examples of RFC 7617 sections 2 and 2.1", () => {
    assert.deepEqual(parseBasic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), {
      username: "Aladdin",
      password: "open sesame",
    });
    assert.deepEqual(parseBasic("basic  dGVzdDoxMjPCow=="), { username: "test", password: "123£" });
  });

  it("splits at the first colon and reads any text back", () => {
    const text = fc.string({ unit: "grapheme" }).filter((value) => !/\p{Cc}/u.test(value));
    fc.assert(
      fc.property(text, text, (name, password) => {
        const username = name.replaceAll(":", "");
        assert.deepEqual(parseBasic(basic(`${username}:${password}`)), { username, password });
      }),
    );
    assert.deepEqual(parseBasic(basic("a:b:c")), { username: "a", password: "b:c" });
  });

  it("refuses other schemes and what is no login", () => {
    for (const value of [
      ...[
        "",
        "Basic",
        "Basic ",
        "Bearer abc",
        "Digest x",
        "Basic a b",
        "Basic ***",
        "Basic=YTpi",
        "NegotiateYTpi",
      ],
      ...[
        basic("nocolon"),
        basic("a\0:b"),
        basic("a:b\r\nX: y"),
        `Basic ${Buffer.of(0x61, 0x3a, 0xff).toString("base64")}`,
      ],
    ]) {
      assert.equal(parseBasic(value), undefined, JSON.stringify(value));
    }
  });
});
