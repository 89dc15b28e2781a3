import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTarget } from "./http-target.ts";

describe("parseTarget", () => {
  it("reads authority-form, RFC 9112 section 3.2.3", () => {
    assert.deepEqual(parseTarget("CONNECT", "a.example:443"), {
      kind: "connect",
      host: "a.example",
      port: 443,
    });
    assert.deepEqual(parseTarget("CONNECT", "[2001:db8::1]:443"), {
      kind: "connect",
      host: "[2001:db8::1]",
      port: 443,
    });
    for (const target of [
      ...[
        "a.example",
        "a.example:",
        "a.example:0",
        "a.example:65536",
        "a.example:https",
        ":443",
        "u@a.example:443",
      ],
      ...[
        "2001:db8::1:443",
        "[::1%25lo]:443",
        "[::1:443",
        "http://a.example:443",
        "a.example:443/",
        "a\\b:443",
        "",
      ],
    ]) {
      assert.deepEqual(parseTarget("CONNECT", target), { kind: "malformed" }, target);
    }
  });

  it("reads absolute-form into host, port and what the origin gets", () => {
    const absolute = (target: string, method = "GET"): unknown[] => {
      const read = parseTarget(method, target);
      return read.kind === "absolute" ? [read.host, read.port, read.path, read.authority] : [read.kind];
    };
    assert.deepEqual(absolute("http://a.example/x?y=z"), ["a.example", 80, "/x?y=z", "a.example"]);
    assert.deepEqual(absolute("HTTP://A.example:8080"), ["A.example", 8080, "/", "A.example:8080"]);
    assert.deepEqual(absolute("http://a.example:/"), ["a.example", 80, "/", "a.example:"]);
    assert.deepEqual(absolute("http://a.example?q"), ["a.example", 80, "/?q", "a.example"]);
    assert.deepEqual(absolute("http://a.example", "OPTIONS"), ["a.example", 80, "*", "a.example"]);
    assert.deepEqual(absolute("http://[2001:db8::1]:81/"), ["[2001:db8::1]", 81, "/", "[2001:db8::1]:81"]);
    for (const target of [
      ...[
        "http:///x",
        "http://u:p@a.example/",
        "http://a.example/#f",
        "http://a b/",
        "http://a.example:99999/",
      ],
      ...[
        "ftp://a.example/",
        "http:/a.example",
        "a.example:80",
        "http://a.example\\@b/",
        "http://[::1/",
        "//a/x1:",
      ],
    ]) {
      assert.notEqual(parseTarget("GET", target).kind, "absolute", target);
    }
  });

  it("tells a request that took the proxy for a site, and one that needs CONNECT", () => {
    assert.deepEqual(parseTarget("GET", "/index.html"), { kind: "origin" });
    assert.deepEqual(parseTarget("OPTIONS", "*"), { kind: "origin" });
    assert.deepEqual(parseTarget("GET", "https://a.example/"), { kind: "needs-connect" });
  });
});
