import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServerSettings, serverSettings } from "./settings.ts";

const good: ServerSettings = {
  server: "london1",
  host: "london1.example.net",
  bandwidthMbit: 1000,
  ownAddresses: ["192.0.2.1", "2001:db8::1"],
  services: { socks5: { listen: [{ address: "::", port: 1080 }] } },
  egress: { allow: [], deny: ["203.0.113.0/24", "2001:db8::/32"], denyPorts: [] },
  limits: { connectionsPerCredential: 10, handshakeMs: 1000, idleMs: 1000 },
  dns: { forward: ["192.0.2.53"] },
  sitePorts: [],
};

test("settings that an engine's file or the firewall would choke on are refused as a whole", () => {
  assert.ok(serverSettings.safeParse(good).success);
  const odd = [
    "::1%eth0",
    "fe80::1%lo",
    "1.2.3.4\n",
    "1.2.3.4;",
    " 1.2.3.4",
    "1.2.3.4 accept",
    "::1\u2028",
    "",
    "1.2.3",
  ];
  for (const text of odd) {
    for (const change of [
      { ownAddresses: [text] },
      { dns: { forward: [text] } },
      { egress: { ...good.egress, deny: [text] } },
      { egress: { ...good.egress, allow: [`${text}/64`] } },
      { services: { http: { listen: [{ address: text, port: 3128 }] } } },
      { services: { openvpn: { listen: [{ protocol: "udp", address: text, port: 1194 }], tlsCrypt: "x" } } },
    ])
      assert.ok(!serverSettings.safeParse({ ...good, ...change }).success, JSON.stringify(change));
  }
  for (const text of ["a\nb", "a b", "a;b", "a}b", "", "a%b"]) {
    assert.ok(!serverSettings.safeParse({ ...good, host: text }).success, JSON.stringify(text));
    assert.ok(!serverSettings.safeParse({ ...good, server: text }).success, JSON.stringify(text));
  }
});

test("what an older office does not say may be missing; what a newer one says is taken as strictly", () => {
  const file = { sha256: "ab".repeat(32), bytes: 1 };
  const whole: ServerSettings = {
    ...good,
    draining: true,
    certificateName: "london1-g2.exits.lethe.internal",
    release: { bundle: file, runtimes: { x64: file } },
    publicName: "london1.example.net",
    egress: { ...good.egress, denyPortRanges: [{ from: 6881, to: 6889 }] },
  };
  assert.deepEqual(serverSettings.parse(whole), whole);
  assert.deepEqual(serverSettings.parse(good), good);
  for (const change of [
    { certificateName: "a b.example" },
    { certificateName: "/etc/passwd" },
    { release: { bundle: { ...file, sha256: "../x" }, runtimes: {} } },
    { release: { bundle: { ...file, bytes: 1e12 }, runtimes: {} } },
    { publicName: "*.example.net" },
    { egress: { ...good.egress, denyPortRanges: [{ from: 9, to: 8 }] } },
    { egress: { ...good.egress, denyPortRanges: [{ from: 1, to: 65_536 }] } },
    { publicName: "london1.example.net\n" },
  ])
    assert.ok(!serverSettings.safeParse({ ...whole, ...change }).success, JSON.stringify(change));
});
