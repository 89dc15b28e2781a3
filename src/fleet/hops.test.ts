import assert from "node:assert/strict";
import { test } from "node:test";
import { hopPort, hopsOf, SERVER_NUMBER_MOST } from "./hops.ts";
import type { ServicePort } from "./servers.ts";

const server = (number: number, more: { nkey?: string | undefined; wireguard?: ServicePort[] } = {}) => ({
  number,
  addresses: [`192.0.2.${number}`, `2001:db8::${number}`],
  local: number === 1,
  nkey: "nkey" in more ? more.nkey : "U",
  services: [
    {
      service: "openvpn" as const,
      ports: [
        { protocol: "tcp" as const, port: 443 },
        { protocol: "udp" as const, port: 1194 },
        { protocol: "udp" as const, port: 443 },
      ],
    },
    ...(more.wireguard === undefined ? [] : [{ service: "wireguard" as const, ports: more.wireguard }]),
  ],
});

test("a server leads on to every other one that members can use, each service's first port of each protocol", () => {
  const fleet = [
    server(1),
    server(2, { wireguard: [{ protocol: "udp", port: 51_820 }] }),
    server(3, { nkey: undefined }),
  ];
  const openvpn = (number: number) => [
    { protocol: "udp", port: 53_000 + number, to: 1194 },
    { protocol: "tcp", port: 53_000 + number, to: 443 },
  ];
  assert.deepEqual(hopsOf(fleet[0]!, fleet), [
    {
      addresses: ["192.0.2.2", "2001:db8::2"],
      ports: [{ protocol: "udp", port: 52_002, to: 51_820 }, ...openvpn(2)],
    },
  ]);
  assert.deepEqual(hopsOf(fleet[1]!, fleet), [
    { addresses: ["192.0.2.1", "2001:db8::1"], ports: openvpn(1) },
  ]);
});

test("one that offers neither WireGuard nor OpenVPN, or has no address, is no second hop", () => {
  const proxy = { ...server(2), services: [{ service: "socks5" as const, ports: [] }] };
  assert.deepEqual(hopsOf(server(1), [server(1), proxy, { ...server(3), addresses: [] }]), []);
});

test("each server has a port of its own for each service that leads on", () => {
  assert.equal(hopPort(1, "wireguard", "udp"), 52_001);
  assert.equal(hopPort(1, "openvpn", "udp"), 53_001);
  assert.equal(hopPort(SERVER_NUMBER_MOST, "openvpn", "tcp"), 53_999);
  assert.equal(hopPort(7, "wireguard", "tcp"), undefined);
  assert.equal(hopPort(SERVER_NUMBER_MOST + 1, "openvpn", "udp"), undefined);
});

test("what is no number of a server is refused", () => {
  for (const number of [0, -1, 1.5, Number.NaN])
    assert.throws(() => hopPort(number, "openvpn", "udp"), RangeError);
});
