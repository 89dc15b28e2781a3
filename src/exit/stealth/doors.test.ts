import assert from "node:assert/strict";
import { test } from "node:test";
import { tunnelsOf } from "../tunnel-plan.ts";
import { doorsOf, sharePlaceOf } from "./doors.ts";

const tcp = (address: string, port: number) => ({ protocol: "tcp" as const, address, port });
const everywhere = (port: number) => [
  { address: "0.0.0.0", port },
  { address: "::", port },
];
const services = {
  openvpn: {
    listen: [tcp("0.0.0.0", 1194), tcp("::", 1194), tcp("0.0.0.0", 443), tcp("::", 443)],
    tlsCrypt: "unused",
  },
  stealthTls: { listen: everywhere(443) },
  stealthObfs4: { listen: everywhere(8444) },
};

test("TLS on a port of OpenVPN's comes by way of it, and goes back to the same listener", () => {
  const doors = doorsOf(services, true);
  const [, shared] = tunnelsOf(services.openvpn);
  for (const door of doors.slice(0, 2)) {
    assert.equal(door.sharedWith?.id, shared!.id);
    assert.deepEqual(door.accept, { address: "127.0.0.1", port: 11_441 });
    assert.deepEqual(door.to, { address: "127.0.0.1", port: 443 });
  }
  assert.deepEqual(sharePlaceOf(doors, shared!), doors[0]!.accept);
  assert.equal(sharePlaceOf(doors, tunnelsOf(services.openvpn)[0]!), undefined);
});

test("on a port of its own it listens itself, and leads to OpenVPN's first listener", () => {
  const [one, other] = doorsOf({ ...services, stealthTls: { listen: everywhere(4443) } }, true);
  assert.deepEqual(one, {
    engine: "stealth-tls",
    service: "stealth-tls",
    listen: { address: "0.0.0.0", port: 4443 },
    accept: { address: "::", port: 4443 },
    to: { address: "127.0.0.1", port: 1194 },
  });
  assert.deepEqual(other!.accept, one!.accept);
});

test("obfs4 is one process for IPv4 and IPv6 of a port, and one for each other place", () => {
  const listen = [...everywhere(8444), { address: "192.0.2.1", port: 80 }];
  const doors = doorsOf({ ...services, stealthObfs4: { listen } }, true).slice(2);
  assert.deepEqual(
    doors.map(({ engine, accept }) => [engine, accept.address]),
    [
      ["stealth-obfs4-1", "::"],
      ["stealth-obfs4-1", "::"],
      ["stealth-obfs4-2", "192.0.2.1"],
    ],
  );
});

test("without IPv6 every IPv6 address is none; without OpenVPN over TCP there is no door", () => {
  assert.deepEqual(
    doorsOf(services, false).map(({ listen }) => listen.address),
    ["0.0.0.0", "0.0.0.0"],
  );
  const udp = { listen: [{ protocol: "udp" as const, address: "::", port: 1194 }], tlsCrypt: "unused" };
  assert.deepEqual(doorsOf({ ...services, openvpn: udp }, true), []);
});
