import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "../../lib/ip.ts";
import { IKEV2, tunnelsOf } from "../tunnel-plan.ts";
import { FORWARDED_PORTS, forwardedPorts, IKEV2_POOL, openvpnPool, portsOf } from "./port-forwarding.ts";

const openvpn = {
  listen: Array.from({ length: 8 }, (_, index) => ({
    protocol: "udp" as const,
    address: "0.0.0.0",
    port: 1194 + index,
  })),
  tlsCrypt: "unused",
};
const services = { openvpn, ikev2: { hashKey: "unused" } };
const last12 = (address: string): number => ((parseIp(address)![2]! & 15) << 8) | parseIp(address)![3]!;

test("a port leads to the device whose address ends in its number", () => {
  const ports = new Map(forwardedPorts({ openvpn }, new Set()));
  for (const [port, address] of ports) assert.equal(Number(port) % 10_000, last12(address));
  // The second listener's first slice address: 10.66.17.1, last 12 bits 0x101.
  assert.equal(ports.get("10257"), "10.66.17.1");
  assert.equal(ports.get("30257"), "10.66.17.1");
  assert.deepEqual(portsOf(551), [10_551, 20_551, 30_551]);
});

test("no port leads to two devices, over eight listeners and IKEv2, and none to a gateway", () => {
  const ports = forwardedPorts(services, new Set());
  assert.equal(new Set(ports.map(([port]) => port)).size, ports.length);
  assert.ok(ports.every(([port]) => FORWARDED_PORTS.includes(Number(port))));
  const gateways = [...tunnelsOf(openvpn), IKEV2].map(({ gateway4 }) => gateway4);
  assert.ok(ports.every(([, address]) => !gateways.includes(address)));
});

test("every address that is given out has its ports", () => {
  const addresses = new Set(forwardedPorts(services, new Set()).map(([, address]) => address));
  for (const tunnel of tunnelsOf(openvpn)) {
    const { first, last } = openvpnPool(tunnel);
    assert.ok(addresses.has(first) && addresses.has(last), tunnel.id);
    assert.notEqual(first, tunnel.gateway4);
  }
  assert.ok(addresses.has(IKEV2_POOL.first) && addresses.has(IKEV2_POOL.last));
});

test("a port on which the machine itself listens stays the machine's", () => {
  const ports = new Map(forwardedPorts(services, new Set([10_257])));
  assert.ok(!ports.has("10257"));
  assert.ok(ports.has("20257"));
});
