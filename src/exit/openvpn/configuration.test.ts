import assert from "node:assert/strict";
import { test } from "node:test";
import { tunnelsOf } from "../tunnel-plan.ts";
import { type OpenvpnPlace, openvpnConfiguration } from "./configuration.ts";

const KEY = `-----BEGIN OpenVPN Static key V1-----\n${`${"0123456789abcdef".repeat(2)}\n`.repeat(16)}-----END OpenVPN Static key V1-----\n`;

const place: OpenvpnPlace = {
  folder: "/var/lib/lethe/exit",
  managementSocket: "/run/lethe/1/management/openvpn-0.sock",
  runAs: { user: "lethe-vpn", group: "lethe-vpn" },
  keeper: { user: "lethe-keeper", group: "lethe-keeper" },
  ipv6: true,
};

const render = (
  listen: { protocol: "udp" | "tcp"; address: string; port: number }[],
  at = 0,
  more = {},
): string => openvpnConfiguration(tunnelsOf({ listen, tlsCrypt: KEY })[at]!, KEY, { ...place, ...more });

test("with port forwarding it gives out the addresses of its own slice alone", () => {
  const listen = [0, 1].map((at) => ({ protocol: "udp" as const, address: "0.0.0.0", port: 1194 + at }));
  const text = render(listen, 1, { pool: { first: "10.66.17.1", last: "10.66.17.254" } });
  assert.ok(text.includes("\nserver 10.66.16.0 255.255.240.0 nopool\n"));
  assert.ok(text.includes("\nifconfig-ipv6-pool fd6c:6574:6865:1::1000/64\n"));
  assert.ok(!text.includes("server-ipv6"), "openvpn refuses it beside nopool");
  assert.ok(text.includes("\nifconfig-pool 10.66.17.1 10.66.17.254 255.255.240.0\n"));
});

test("a UDP listener on every address, line by line", () => {
  assert.equal(
    render([{ protocol: "udp", address: "0.0.0.0", port: 1194 }]).replace(KEY, "(key)\n"),
    `# Written by Lethe from the roster; changes are overwritten.
local 0.0.0.0
port 1194
proto udp4
multihome
dev lethe-u0
dev-type tun
ifconfig-noexec
route-noexec
disable-dco
topology subnet
server 10.66.0.0 255.255.240.0
server-ipv6 fd6c:6574:6865:0::/64
max-clients 4000
push "dhcp-option DNS 10.66.255.1"

ca "/var/lib/lethe/exit/ca.crt"
cert "/var/lib/lethe/exit/tls.crt"
key "/var/lib/lethe/exit/tls.key"
dh none
tls-version-min 1.2
data-ciphers AES-256-GCM:CHACHA20-POLY1305
allow-compression no

verify-client-cert none
username-as-common-name
duplicate-cn
management "/run/lethe/1/management/openvpn-0.sock" unix
management-client-auth
management-client-user lethe-keeper
management-client-group lethe-keeper
script-security 0

keepalive 10 30
persist-key
persist-tun
explicit-exit-notify 1
push "explicit-exit-notify 1"
connect-freq-initial 1000 10
fast-io
sndbuf 2097152
rcvbuf 2097152
user lethe-vpn
group lethe-vpn

verb 0
log /dev/null

<tls-crypt>
(key)
</tls-crypt>
`,
  );
});

test("a TCP listener on IPv6 leaves the IPv4 port to others, and has addresses of its own inside", () => {
  const text = render(
    [
      { protocol: "udp", address: "0.0.0.0", port: 1194 },
      { protocol: "tcp", address: "2001:db8::1", port: 443 },
    ],
    1,
  );
  for (const line of [
    "local 2001:db8::1",
    "proto tcp6-server",
    "bind ipv6only",
    "dev lethe-t1",
    "tcp-nodelay",
  ]) {
    assert.ok(text.includes(`\n${line}\n`), line);
  }
  assert.ok(text.includes("\nserver 10.66.16.0 255.255.240.0\nserver-ipv6 fd6c:6574:6865:1::/64\n"));
  assert.ok(!/explicit-exit-notify|fast-io|multihome/.test(text));
});

test("a kernel without IPv6 has openvpn refuse it; without root nobody is become", () => {
  const text = render([{ protocol: "udp", address: "192.0.2.1", port: 1 }], 0, {
    ipv6: false,
    runAs: undefined,
    keeper: undefined,
  });
  assert.ok(text.includes("\nblock-ipv6\n"));
  assert.ok(!/^(user |group |management-client-user|multihome)/m.test(text));
});

test("nothing but a static key gets into the file in its place", () => {
  const listen = [{ protocol: "udp" as const, address: "0.0.0.0", port: 1194 }];
  const tunnel = tunnelsOf({ listen, tlsCrypt: KEY })[0]!;
  for (const text of [
    "",
    "</tls-crypt>\nplugin /tmp/x.so\n<tls-crypt>",
    KEY.replace("-----END", "</tls-crypt>\nup /bin/sh\n-----END"),
    `${KEY}script-security 2\n`,
    KEY.replace("0123", "xyz0"),
    KEY.replace("0123", ""),
  ]) {
    assert.throws(() => openvpnConfiguration(tunnel, text, place), /static key/);
  }
  assert.ok(openvpnConfiguration(tunnel, `#\n# 2048 bit OpenVPN static key\n#\n${KEY}`, place).includes(KEY));
});

test("a folder's name is one word, whatever it is called", () => {
  const text = render([{ protocol: "udp", address: "0.0.0.0", port: 1 }], 0, {
    folder: '/data/my "vpn" \\ x',
  });
  assert.ok(text.includes('ca "/data/my \\"vpn\\" \\\\ x/ca.crt"'));
  assert.throws(() =>
    render([{ protocol: "udp", address: "0.0.0.0", port: 1 }], 0, { folder: "/a\nplugin /x" }),
  );
});
