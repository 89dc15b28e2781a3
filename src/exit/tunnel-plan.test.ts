import assert from "node:assert/strict";
import { test } from "node:test";
import { DNS_LEVELS, resolverOf } from "../lib/dns-levels.ts";
import { formatIp, parseRange } from "../lib/ip.ts";
import {
  AROUND_TUNNELS_4,
  IKEV2,
  TUNNELS_4,
  TUNNELS_6,
  tunnelNetworks,
  tunnelsOf,
  WIREGUARD,
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

test("the range around the tunnels' has each of them", () => {
  for (const tunnel of TUNNELS_4)
    assert.ok(within(formatIp(parseRange(tunnel)!.base), AROUND_TUNNELS_4), tunnel);
  const bits = (range: string) => parseRange(range)!.bits;
  assert.ok(TUNNELS_4.every((tunnel) => bits(tunnel) > bits(AROUND_TUNNELS_4)));
  assert.equal(bits(AROUND_TUNNELS_4) % 8, 0, "an address need not be masked first");
});

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
        assert.notEqual(other.group, one.group);
      }
  }
});

test("the resolvers' addresses are of no tunnel", () => {
  for (const level of DNS_LEVELS)
    for (const one of tunnelNetworks(all)) {
      assert.ok(!within(resolverOf(level).v4, `${one.network4}/${one.prefix4}`));
      assert.ok(!within(resolverOf(level).v6, `${one.network6}/${one.prefix6}`));
    }
});

test("devices are there for the services that are on", () => {
  assert.deepEqual(tunnelNetworks({}), []);
  assert.deepEqual(tunnelNetworks({ wireguard: all.wireguard }), [WIREGUARD]);
  assert.deepEqual(tunnelNetworks({ ikev2: all.ikev2 }), [IKEV2]);
  assert.deepEqual(tunnelNetworks({ openvpn: all.openvpn }), tunnelsOf(all.openvpn));
});
