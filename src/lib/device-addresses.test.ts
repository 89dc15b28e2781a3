import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { DEVICE_INDEX_MOST, deviceAddresses, WIREGUARD_GATEWAY_4 } from "./device-addresses.ts";

test("a device's number says its addresses", () => {
  assert.deepEqual(deviceAddresses(1), { v4: "10.96.0.1", v6: "fd6c:6574:6865:a000::1" });
  assert.deepEqual(deviceAddresses(65_536), { v4: "10.97.0.0", v6: "fd6c:6574:6865:a000::1:0" });
  assert.deepEqual(deviceAddresses(DEVICE_INDEX_MOST), {
    v4: "10.127.255.253",
    v6: "fd6c:6574:6865:a000::1f:fffd",
  });
  for (const index of [0, -1, 1.5, DEVICE_INDEX_MOST + 1, Number.NaN])
    assert.throws(() => deviceAddresses(index), RangeError);
});

test("two devices never have one address, and none has the exit's", () => {
  const index = fc.integer({ min: 1, max: DEVICE_INDEX_MOST });
  fc.assert(
    fc.property(index, index, (a, b) => {
      const [first, second] = [deviceAddresses(a), deviceAddresses(b)];
      assert.ok(isIPv4(first.v4) && isIPv6(first.v6) && first.v4 !== WIREGUARD_GATEWAY_4);
      assert.equal(first.v4 === second.v4, a === b);
      assert.equal(first.v6 === second.v6, a === b);
    }),
  );
});
