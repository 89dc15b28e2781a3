import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIp, parseIp, parseRange } from "../lib/ip.ts";
import {
  DNS_LEVELS,
  IKEV2,
  RESOLVERS,
  TUNNELS_4,
  TUNNELS_6,
  tunnelNetworks,
  tunnelsOf,
  WIREGUARD,
  WIREGUARD_INDEX_MOST,
  wireguardAddresses,
} from "./tunnel-plan.ts";

const listen = Array.from({ length: 8 }, (_, index) => ({
  protocol: index % 2 === 0 ? ("udp" as const) : ("tcp" as const),
  address: "0.0.0.0",
  port: 1000 + index,
}));
const all = {
  openvpn: { listen, tlsCrypt: "unused" },
  wireguard: { port: 51_820 },
  ikev2: { hashKey: "unused" },
};
/** Whether `address` lies in `range`. */
const within = (address: string, range: string): boolean => {
  const { base, bits } = parseRange(range)!;
  const masked = parseRange(`${address}/${bits}`);
  return masked !== undefined && formatIp(masked.base) === formatIp(base);
};

test("no two tunnels share an address, and all of them lie in the ranges of tunnels", () => {
  const networks = tunnelNetworks(all);
  assert.equal(networks.length, 10);
  for (const one of networks) {
    assert.ok(TUNNELS_4.some((range) => within(one.network4, range)));
    assert.ok(within(one.network6, TUNNELS_6));
    assert.ok(within(one.gateway4, `${one.network4}/${one.prefix4}`));
    assert.ok(within(one.gateway6, `${one.network6}/${one.prefix6}`));
    for (const other of networks)
      if (one !== other) {
        assert.ok(!within(other.network4, `${one.network4}/${one.prefix4}`), one.device);
        assert.ok(!within(other.network6, `${one.network6}/${one.prefix6}`), one.device);
      }
  }
});

test("the resolvers' addresses are of no tunnel", () => {
  for (const level of DNS_LEVELS)
    for (const one of tunnelNetworks(all)) {
      assert.ok(!within(RESOLVERS[level].v4, `${one.network4}/${one.prefix4}`));
      assert.ok(!within(RESOLVERS[level].v6, `${one.network6}/${one.prefix6}`));
    }
});

test("devices are there for the services that are on", () => {
  assert.deepEqual(tunnelNetworks({}), []);
  assert.deepEqual(tunnelNetworks({ wireguard: all.wireguard }), [WIREGUARD]);
  assert.deepEqual(tunnelNetworks({ ikev2: all.ikev2 }), [IKEV2]);
  assert.deepEqual(tunnelNetworks({ openvpn: all.openvpn }), tunnelsOf(all.openvpn));
});

test("a WireGuard device's addresses follow from its index; the last is the one before the gateway", () => {
  assert.deepEqual(wireguardAddresses(1), { v4: "10.96.0.1", v6: "fd6c:6574:6865:a000::1" });
  assert.deepEqual(wireguardAddresses(70_000), { v4: "10.97.17.112", v6: "fd6c:6574:6865:a000::1:1170" });
  assert.equal(wireguardAddresses(WIREGUARD_INDEX_MOST).v4, "10.127.255.253");
  assert.deepEqual(parseIp(WIREGUARD.gateway4), Uint8Array.of(10, 127, 255, 254));
  for (const index of [0, -1, 0.5, Number.NaN, WIREGUARD_INDEX_MOST + 1])
    assert.throws(() => wireguardAddresses(index), RangeError);
});
