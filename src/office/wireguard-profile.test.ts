import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetServer } from "../fleet/fleet-server.ts";
import type { ProfileOptions } from "../profiles/kinds.ts";
import { PRIVATE_KEY_LINE } from "../profiles/wireguard.ts";
import { profilesFor } from "./profiles.ts";

const KEYS = {
  london1: "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=",
  oslo1: "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
};
const server = (name: keyof typeof KEYS, number: number, more: Partial<FleetServer> = {}): FleetServer =>
  ({
    name,
    linkName: name,
    generation: 1,
    number,
    host: `${name}.example.net`,
    addresses: ["2001:db8::1", `192.0.2.${number}`],
    services: [{ service: "wireguard", ports: [{ protocol: "udp", port: 51_820 }] }],
    identity: { wireguard: KEYS[name] },
    ...more,
  }) as FleetServer;

const filesOf = (servers: FleetServer[], options: ProfileOptions, names = ["oslo1"]) =>
  profilesFor({
    siteName: "Example",
    authority: "",
    tlsCrypt: "",
    named: (name) => servers.find((each) => each.name === name),
  })("wireguard", names, options);
const device = { index: 5 };
const both = [server("london1", 1), server("oslo1", 7)];

test("a device's file has the server's key, port and the resolver of its level", () => {
  const [file, ...others] = filesOf(both, { device, level: "malware" });
  assert.deepEqual(others, []);
  assert.equal(file?.name, "oslo1.conf");
  for (const line of [
    PRIVATE_KEY_LINE,
    "Address = 10.96.0.5/32, fd6c:6574:6865:a000::5/128",
    "DNS = 10.66.255.3, fd6c:6574:6865:ffff::3",
    `PublicKey = ${KEYS.oslo1}`,
    "Endpoint = oslo1.example.net:51820",
  ])
    assert.ok(file?.content.split("\n").includes(line), line);
});

test("with two hops the first server is dialled, at the second's port there, with the second's key", () => {
  const [file] = filesOf(both, { device, via: "london1", byAddress: true });
  assert.match(file?.content ?? "", /^Endpoint = 192\.0\.2\.1:52007$/m);
  assert.ok(file?.content.includes(KEYS.oslo1));
  assert.equal(file?.name, "oslo1-london1.conf", "wg-quick takes a name of at most 15 characters");
});

test("a long name becomes one that wg-quick takes, and no other server's", () => {
  const nameOf = (name: string) => filesOf(both, { device, name })[0]!.name;
  const [first, second] = [nameOf("frankfurt-am-main1"), nameOf("frankfurt-am-main2")];
  for (const name of [first, second]) assert.match(name, /^[a-z0-9-]{1,15}\.conf$/);
  assert.notEqual(first, second);
});

test("there is no file without a device, a key of the server, or WireGuard on it", () => {
  assert.deepEqual(filesOf(both, {}), []);
  assert.deepEqual(filesOf(both, { device, via: "oslo1" }), []);
  assert.deepEqual(filesOf(both, { device, via: "paris1" }), []);
  assert.deepEqual(filesOf(both, { device }, ["oslo1", "london1"]), []);
  const silent = server("oslo1", 7, { identity: {} });
  assert.deepEqual(filesOf([silent], { device }), []);
  assert.deepEqual(filesOf([server("oslo1", 7, { services: [] })], { device }), []);
});
