import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { serverSettings } from "../link/settings.ts";
import { parseConfig } from "./config.ts";
import { linkServers, ownLinkServers } from "./link-address.ts";
import {
  defaultListens,
  notesOfPorts,
  remoteSettings,
  servicesOf,
  settingsOf,
  withBlocked,
} from "./server-settings.ts";

const config = parseConfig(
  `[openvpn]
udp = ["203.0.113.1:1194", "203.0.113.2:1194", "[2001:db8::1]:1194"]
tcp = []
[socks5]
listen = ["127.0.0.1:1080"]
[http_proxy]
listen = ["0.0.0.0:3128"]
[https_proxy]
listen = ["203.0.113.1:8443"]
[socks5_tls]
listen = []
[stealth]
tls = ["203.0.113.1:443"]
[ssh]
listen = ["203.0.113.1:22", "203.0.113.2:22"]
`,
  "lethe.toml",
);
const london: FleetServer = {
  name: "paris1",
  linkName: "london1",
  host: "paris1.example.net",
  city: "Paris",
  country: "France",
  countryCode: "FR",
  latitude: 0,
  longitude: 0,
  bandwidthMbit: 100,
  addresses: ["192.0.2.1"],
  services: [],
  groups: [],
  draining: true,
  local: false,
  origin: "fleet",
  nkey: "U",
  generation: 3,
  number: 7,
  listens: undefined,
  release: undefined,
  blocked: { ports: [], ranges: [] },
  enrolmentExpires: undefined,
};
const tlsCrypt = "-----BEGIN OpenVPN Static key V1-----\n";

test("addresses that are the office's own stand for all of another machine's, each once; loopback stays", () => {
  assert.deepEqual(defaultListens(config), {
    openvpn: [
      { protocol: "udp", address: "0.0.0.0", port: 1194 },
      { protocol: "udp", address: "::", port: 1194 },
    ],
    socks5: [{ address: "127.0.0.1", port: 1080 }],
    http: [{ address: "0.0.0.0", port: 3128 }],
    https: [{ address: "0.0.0.0", port: 8443 }],
    socks5Tls: [],
    ssh: [{ address: "0.0.0.0", port: 22 }],
    wireguard: { port: 51_820 },
    ikev2: true,
    stealthTls: [{ address: "0.0.0.0", port: 443 }],
    stealthObfs4: [
      { address: "0.0.0.0", port: 8444 },
      { address: "::", port: 8444 },
    ],
  });
});

test("what the site has is left out on this machine and said; on another it is offered", () => {
  const text =
    '[site]\nlisten = ["0.0.0.0:443", "0.0.0.0:80"]\n[tls]\ncertificate = "/c"\nkey = "/k"\nnames = ["a.example"]';
  const busy = parseConfig(text, "lethe.toml");
  const { services } = settingsOf(busy, "192.0.2.9", ["192.0.2.9"], tlsCrypt);
  const tcp443 = services.openvpn!.listen.filter(({ protocol, port }) => protocol === "tcp" && port === 443);
  assert.deepEqual(tcp443, [{ protocol: "tcp", address: "::", port: 443 }]);
  assert.deepEqual(services.stealthTls, { listen: [{ address: "::", port: 443 }] });
  assert.deepEqual(notesOfPorts(busy), [
    "The site has the port of openvpn.tcp 0.0.0.0:443, stealth.tls 0.0.0.0:443: left out on this machine, offered on other servers.",
  ]);
  assert.deepEqual(notesOfPorts(config), []);
  assert.equal(defaultListens(busy).stealthTls?.length, 2);
});

test("without OpenVPN over TCP there is nothing for stealth to carry", () => {
  const listens = { openvpn: [], socks5: [], http: [], stealthTls: [{ address: "::", port: 443 }] };
  assert.deepEqual(servicesOf(listens, tlsCrypt), {});
});

test("a server elsewhere is told its own name on the link, its certificate's name, and no site", () => {
  const settings = remoteSettings(config, london, tlsCrypt, undefined);
  assert.equal(settings.server, "london1");
  assert.equal(settings.certificateName, "london1-g3.exits.lethe.internal");
  assert.equal(settings.draining, true);
  assert.deepEqual(settings.sitePorts, []);
  assert.equal(settings.stunPorts, undefined);
  assert.deepEqual(settings.ownAddresses, ["192.0.2.1"]);
  assert.equal(settings.services.openvpn?.listen.length, 2);
  assert.equal("release" in settings, false);
  const listens = { openvpn: [], socks5: [], http: [{ address: "192.0.2.1", port: 8080 }] };
  const release = { bundle: { sha256: "a".repeat(64), bytes: 1 }, runtimes: {} };
  const other = remoteSettings(config, { ...london, listens }, tlsCrypt, release);
  assert.deepEqual(other.services, { http: { listen: listens.http } });
  assert.deepEqual(other.release, release);
});

test("this machine's own settings are lethe.toml's, addresses and all", () => {
  const settings = settingsOf(config, "192.0.2.9", ["192.0.2.9"], tlsCrypt);
  assert.equal(settings.services.openvpn?.listen[0]?.address, "203.0.113.1");
  assert.deepEqual(settings.sitePorts, [8080]);
  assert.deepEqual(settings.stunPorts, [3478]);
  assert.equal("siteInside" in settings, false);
  const named = (site: Partial<typeof config.site>) =>
    settingsOf({ ...config, site: { ...config.site, ...site } }, "192.0.2.9", ["192.0.2.9"], tlsCrypt)
      .siteInside;
  assert.deepEqual(named({ url: "http://vpn.example.net:8080", listen: ["0.0.0.0:8080", "[::]:8080"] }), {
    names: ["vpn.example.net", "checkip.vpn.example.net"],
    v4: "0.0.0.0",
    v6: "::",
  });
  const byIpv4 = {
    ...config,
    site: { ...config.site, url: "http://vpn.example.net:8080", listen: ["0.0.0.0:8080"] },
    check: { ...config.check, ipv4_name: "v4.vpn.example.net", ipv6_name: "v6.vpn.example.net" },
  };
  assert.deepEqual(settingsOf(byIpv4, "192.0.2.9", ["192.0.2.9"], tlsCrypt).siteInside, {
    names: ["vpn.example.net", "checkip.vpn.example.net"],
    v4Name: "v4.vpn.example.net",
    v4: "0.0.0.0",
  });
  // Behind a TLS proxy the site is asked for at another port than its own.
  assert.equal(named({ url: "https://vpn.example.net", listen: ["192.0.2.9:8080"] }), undefined);
  assert.equal(named({ url: "http://vpn.example.net:8080", listen: ["127.0.0.1:8080"] }), undefined);
  const silent = { ...config, check: { ...config.check, stun: [] } };
  assert.equal("stunPorts" in settingsOf(silent, "192.0.2.9", ["192.0.2.9"], tlsCrypt), false);
});

test("exits connect to every office or to the operator's cluster; the office to its own machine or the same cluster", () => {
  const own = { listen: "0.0.0.0:4222", hosts: [], url: [] };
  assert.deepEqual(linkServers(own, "192.0.2.9"), ["192.0.2.9:4222"]);
  assert.deepEqual(linkServers(own, "2001:db8::9"), ["[2001:db8::9]:4222"]);
  assert.deepEqual(linkServers({ ...own, hosts: ["a.example.net", "2001:db8::1"] }, "192.0.2.9"), [
    "a.example.net:4222",
    "[2001:db8::1]:4222",
  ]);
  assert.deepEqual(ownLinkServers(own), ["127.0.0.1:4222"]);
  assert.deepEqual(ownLinkServers({ ...own, listen: "[::]:4223" }), ["[::1]:4223"]);
  assert.deepEqual(ownLinkServers({ ...own, listen: "10.0.0.1:4222" }), ["10.0.0.1:4222"]);
  const url = ["tls://nats1.example.net:4222"];
  assert.deepEqual(linkServers({ ...own, url }, "192.0.2.9"), url);
  assert.deepEqual(ownLinkServers({ ...own, url }), url);
});

test("what is blocked on a server comes to what lethe.toml denies everywhere", () => {
  const plain = remoteSettings(config, london, tlsCrypt, undefined);
  const blocked = { ports: [{ from: 6881, to: 6889 }], ranges: ["203.0.113.0/24"] };
  const { egress } = withBlocked(plain, blocked);
  assert.deepEqual(egress.deny, [...plain.egress.deny, "203.0.113.0/24"]);
  assert.deepEqual(egress.denyPortRanges, blocked.ports);
  assert.deepEqual(serverSettings.parse(withBlocked(plain, blocked)), withBlocked(plain, blocked));
  assert.deepEqual(withBlocked(plain, london.blocked), plain);
});
