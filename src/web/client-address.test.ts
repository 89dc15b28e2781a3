import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clientAddress } from "./client-address.ts";

describe("whose request it is", () => {
  it("is the connection's other end, whatever the request says", () => {
    assert.equal(clientAddress("192.0.2.1", undefined, []), "192.0.2.1");
    assert.equal(clientAddress("192.0.2.1", "198.51.100.9", []), "192.0.2.1");
    assert.equal(clientAddress("192.0.2.1", "198.51.100.9", ["127.0.0.1"]), "192.0.2.1");
    assert.equal(clientAddress("::ffff:192.0.2.1", undefined, []), "192.0.2.1");
  });

  it("is what the operator's proxy says last, and not what the visitor wrote before it", () => {
    const proxies = ["127.0.0.1", "10.0.0.2"];
    assert.equal(clientAddress("127.0.0.1", "203.0.113.5", proxies), "203.0.113.5");
    assert.equal(clientAddress("::ffff:127.0.0.1", "203.0.113.5", proxies), "203.0.113.5");
    assert.equal(clientAddress("127.0.0.1", "1.1.1.1, 2001:db8::5", proxies), "2001:db8::5");
    assert.equal(clientAddress("127.0.0.1", "1.1.1.1, 203.0.113.5, 10.0.0.2", proxies), "203.0.113.5");
  });

  it("is the proxy's where that says nothing of use", () => {
    for (const header of [undefined, "", "unknown", "1.1.1.1, unknown", "1.1.1.1,", "127.0.0.1"])
      assert.equal(clientAddress("127.0.0.1", header, ["127.0.0.1"]), "127.0.0.1", header);
  });
});
