import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkPair, type Pair } from "./pair.ts";
import { selfSigned } from "./testing.ts";

describe("a certificate and its key", () => {
  const pair = selfSigned(["vpn.example.net", "*.exits.example.net"]);
  const now = Date.now();
  const problem = (changed: Partial<Pair>, names = ["vpn.example.net"], at = now) => {
    const checked = checkPair({ ...pair, ...changed }, names, at);
    return checked.ok ? undefined : checked.error;
  };

  it("are good for the names in it, a wildcard's too", () => {
    assert.equal(problem({}), undefined);
    assert.equal(problem({}, ["vpn.example.net", "london1.exits.example.net"]), undefined);
    const checked = checkPair(pair, [], now);
    assert(checked.ok);
    assert(Math.abs(checked.value.notAfterMs - now - 10 * 86_400_000) < 120_000);
  });

  it("may stand in one text", () => {
    const both = `${pair.certificate}\n${pair.key}`;
    assert.equal(problem({ certificate: both, key: both }), undefined);
  });

  it("are refused for other names, another key, or when their time is over", () => {
    assert.equal(problem({}, ["vpn.example.net", "other.example.net"]), "names");
    assert.equal(problem({ key: selfSigned(["a.example.net"]).key }), "key-mismatch");
    assert.equal(problem({}, undefined, now + 11 * 86_400_000), "outdated");
  });

  it("are refused where they are something else", () => {
    for (const text of ["", "x", pair.key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
      assert.equal(problem({ certificate: text }), "malformed");
    for (const text of ["", "x", pair.certificate]) assert.equal(problem({ key: text }), "malformed");
  });
});
