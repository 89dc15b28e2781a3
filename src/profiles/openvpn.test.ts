import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipFor } from "../lib/testing.ts";
import { GUARD_SCRIPT, guardScript } from "./guard.ts";
import { openvpnProfile } from "./openvpn.ts";

const CA = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";
const KEY =
  "#\n# 2048 bit OpenVPN static key\n#\n-----BEGIN OpenVPN Static key V1-----\n00112233\n-----END OpenVPN Static key V1-----\n";

test("the profile for Linux leaves out what only Windows understands, and nothing else", () => {
  const input = {
    serverNames: ["exit1.lethe"],
    remotes: [{ host: "vpn.example.net", port: 1194, protocol: "udp" as const }],
    ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    tlsCrypt: "-----BEGIN OpenVPN Static key V1-----\n00\n-----END OpenVPN Static key V1-----\n",
  };
  const [every, linux] = [openvpnProfile(input), openvpnProfile({ ...input, system: "linux" })];
  const missing = every.split("\n").filter((line) => !linux.split("\n").includes(line));
  assert.deepEqual(
    missing.filter((line) => !line.startsWith("#")),
    ["ignore-unknown-option block-outside-dns", "block-outside-dns"],
  );
});

test("a profile has its remotes, UDP first, its certificate and its key, and no credentials", () => {
  const profile = openvpnProfile({
    serverNames: ["exit1.lethe"],
    remotes: [
      { host: "vpn.example.net", port: 443, protocol: "tcp" },
      { host: "vpn.example.net", port: 443, protocol: "tcp" },
      { host: "2001:db8::1", port: 1194, protocol: "udp" },
    ],
    ca: CA,
    tlsCrypt: KEY,
  });
  assert.equal(
    profile,
    `client
dev tun
nobind
remote 2001:db8::1 1194 udp
remote vpn.example.net 443 tcp
# A network that swallows UDP is given up on after 10 seconds, and TCP is tried.
server-poll-timeout 10
resolv-retry infinite
persist-key
persist-tun
auth-user-pass

# All traffic, IPv4 and IPv6, goes through the tunnel.
redirect-gateway def1 ipv6
# Windows asks every resolver it knows unless the others are blocked; other systems have no such option.
ignore-unknown-option block-outside-dns
block-outside-dns

remote-cert-tls server
verify-x509-name exit1.lethe name
tls-version-min 1.2
data-ciphers AES-256-GCM:CHACHA20-POLY1305
verb 3

<ca>
-----BEGIN CERTIFICATE-----
TUlJQg==
-----END CERTIFICATE-----
</ca>
<tls-crypt>
-----BEGIN OpenVPN Static key V1-----
00112233
-----END OpenVPN Static key V1-----
</tls-crypt>
`,
  );
});

test("a value that could break out of its line is refused", () => {
  const good = {
    serverNames: ["exit1.lethe"],
    remotes: [{ host: "vpn.example.net", port: 1194, protocol: "udp" as const }],
    ca: CA,
    tlsCrypt: KEY,
  };
  for (const bad of [
    { ...good, serverNames: ["a\nup /bin/sh"] },
    { ...good, serverNames: ['a" b'] },
    { ...good, remotes: [] },
    { ...good, remotes: [{ host: "a\nup x", port: 1194, protocol: "udp" as const }] },
    { ...good, remotes: [{ host: "a", port: 0, protocol: "udp" as const }] },
    { ...good, ca: CA.replace("TUlJQg==", "</ca>\nup /bin/sh") },
    { ...good, tlsCrypt: "" },
  ])
    assert.throws(() => openvpnProfile(bad), RangeError);
});

const openvpn = ["/usr/sbin/openvpn", "openvpn"].find(
  (path) => spawnSync(path, ["--version"]).error === undefined,
);
const skip = skipFor(
  (openvpn === undefined || spawnSync("openssl", ["version"]).error !== undefined) &&
    "openvpn or openssl is not installed",
);

test("a level names its resolver and takes the server's away; a guarded one has the script do all routes", () => {
  const input = {
    serverNames: ["exit1.lethe"],
    remotes: [{ host: "192.0.2.1", port: 1194, protocol: "udp" as const }],
    ca: CA,
    tlsCrypt: KEY,
    system: "linux" as const,
  };
  const lines = (more: object) => openvpnProfile({ ...input, ...more }).split("\n");
  const ads = lines({ level: "ads" });
  assert.ok(ads.includes("dhcp-option DNS 10.66.255.2"));
  assert.ok(ads.includes('pull-filter ignore "dhcp-option DNS"'));
  const guarded = lines({ guarded: true, level: "adult" });
  assert.ok(!guarded.some((line) => line.startsWith("redirect-gateway")));
  for (const line of [
    "route-noexec",
    "mark 27749",
    'up "/bin/sh lethe-guard.sh"',
    "setenv LETHE_DNS4 10.66.255.4",
    "setenv LETHE_DNS6 fd6c:6574:6865:ffff::4",
  ])
    assert.ok(guarded.includes(line), line);
  const router = lines({ system: "router", loginFile: "/etc/openvpn/lethe.auth" });
  assert.ok(router.includes("auth-user-pass /etc/openvpn/lethe.auth"));
  assert.ok(!router.some((line) => line.includes("block-outside-dns")));
  assert.throws(() => lines({ loginFile: "/etc/x\nup y" }), RangeError);
});

const VARIANTS = {
  "the profile": {},
  "one with a level": { level: "malware", system: "linux" },
  "the guarded one": { guarded: true, level: "ads", system: "linux" },
} as const;

for (const [name, variant] of Object.entries(VARIANTS))
  test(`openvpn takes ${name} as it is, up to dialling`, { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "lethe-profile-"));
    const dialled = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      dialled.resolve();
      socket.destroy();
    });
    try {
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      const { port } = server.address() as { port: number };
      const file = (name: string) => join(folder, name);
      execFileSync(
        "openssl",
        [
          ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
          ...["-subj", "/CN=Authority", "-keyout", file("ca.key"), "-out", file("ca.crt")],
        ],
        { stdio: "ignore" },
      );
      const profile = openvpnProfile({
        serverNames: ["exit1.lethe"],
        remotes: [{ host: "127.0.0.1", port, protocol: "tcp" }],
        ca: execFileSync("cat", [file("ca.crt")], { encoding: "utf8" }),
        tlsCrypt: execFileSync(openvpn!, ["--genkey", "tls-crypt"], { encoding: "utf8" }),
        ...variant,
      });
      writeFileSync(file("exit1.ovpn"), profile);
      writeFileSync(file("login"), "name\npassword\n", { mode: 0o600 });
      // No device and no routes, and the login out of a file: what the profile says else stands.
      const options = [
        "--auth-user-pass",
        file("login"),
        "--dev",
        "null",
        "--ifconfig-noexec",
        "--route-noexec",
      ];
      writeFileSync(file(GUARD_SCRIPT), guardScript());
      const client = spawn(openvpn!, ["--config", file("exit1.ovpn"), ...options], { cwd: folder });
      let output = "";
      client.stdout.on("data", (chunk) => (output += chunk));
      const ended = new Promise<void>((resolve) => client.on("exit", () => resolve()));
      await Promise.race([dialled.promise, ended]);
      client.kill();
      await ended;
      assert.match(output, /Attempting to establish TCP connection with \[AF_INET\]127\.0\.0\.1/);
      assert.doesNotMatch(output, /Options error/);
      // The one option of Windows is named as unknown elsewhere, and passed over.
      assert.doesNotMatch(output, /Unrecognized option(?!.*block-outside-dns)/);
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });

test("a profile of several servers takes one at random, and insists on what their certificates' names begin with", () => {
  const several = (names: string[]) =>
    openvpnProfile({
      serverNames: names.map((name) => `${name}.exits.example.internal`),
      remotes: names.map((name) => ({ host: `${name}.example.net`, port: 1194, protocol: "udp" })),
      ca: CA,
      tlsCrypt: KEY,
    }).split("\n");
  const group = several(["london1", "london2", "london12"]);
  assert.deepEqual(
    group.filter((line) => line.startsWith("remote ")),
    [1, 2, 12].map((number) => `remote london${number}.example.net 1194 udp`),
  );
  assert.ok(group.includes("remote-random"));
  assert.ok(group.includes("verify-x509-name london name-prefix"));
  // Nothing in common: then it is our authority that is checked, and that it is a server's certificate.
  const mixed = several(["london1", "oslo1"]);
  assert.ok(
    !mixed.some((line) => line.startsWith("verify-x509-name")) && mixed.includes("remote-cert-tls server"),
  );
  const one = several(["london1"]);
  assert.ok(
    !one.includes("remote-random") && one.includes("verify-x509-name london1.exits.example.internal name"),
  );
});
