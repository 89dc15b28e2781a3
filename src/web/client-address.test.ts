import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clientAddress, trustedProxies } from "./client-address.ts";

describe("whose request it is", () => {
  const nobody = trustedProxies([]);

  it("is the connection's other end, whatever the request says", () => {
    assert.equal(clientAddress("192.0.2.1", undefined, nobody), "192.0.2.1");
    assert.equal(clientAddress("192.0.2.1", "198.51.100.9", nobody), "192.0.2.1");
    assert.equal(clientAddress("192.0.2.1", "198.51.100.9", trustedProxies(["127.0.0.1"])), "192.0.2.1");
    assert.equal(clientAddress("::ffff:192.0.2.1", undefined, nobody), "192.0.2.1");
  });

  it("is what the operator's proxy says last, and not what the visitor wrote before it", () => {
    const proxies = trustedProxies(["127.0.0.1", "10.0.0.0/24"]);
    assert.equal(clientAddress("127.0.0.1", "203.0.113.5", proxies), "203.0.113.5");
    assert.equal(clientAddress("::ffff:127.0.0.1", "203.0.113.5", proxies), "203.0.113.5");
    assert.equal(clientAddress("127.0.0.1", "1.1.1.1, 2001:db8::5", proxies), "2001:db8::5");
    assert.equal(clientAddress("127.0.0.1", "1.1.1.1, 203.0.113.5, 10.0.0.2", proxies), "203.0.113.5");
  });

  it("is the proxy's where that says nothing of use", () => {
    for (const header of [undefined, "", "unknown", "1.1.1.1, unknown", "1.1.1.1,", "127.0.0.1"])
      assert.equal(clientAddress("127.0.0.1", header, trustedProxies(["127.0.0.1"])), "127.0.0.1", header);
  });

  it("is told by ranges of proxies of either family, and by no address beside them", () => {
    const proxies = trustedProxies(["10.1.0.0/16", "2001:db8::/32"]);
    assert.equal(clientAddress("10.1.255.255", "203.0.113.5, 2001:db8:1::1", proxies), "203.0.113.5");
    assert.equal(clientAddress("::ffff:10.1.0.1", "203.0.113.5", proxies), "203.0.113.5");
    assert.equal(clientAddress("::ffff:a01:1", "203.0.113.5", proxies), "203.0.113.5");
    assert.equal(clientAddress("10.2.0.0", "203.0.113.5", proxies), "10.2.0.0");
    assert.equal(clientAddress("2001:db9::1", "203.0.113.5", proxies), "2001:db9::1");
  });
});
