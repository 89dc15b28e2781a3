import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetServer } from "../fleet/fleet-server.ts";
import type { ProfileOptions } from "../profiles/kinds.ts";
import { profilesFor } from "./profiles.ts";

const secrets = {
  siteName: "Example",
  authority: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  tlsCrypt: "-----BEGIN OpenVPN Static key V1-----\naaaa\n-----END OpenVPN Static key V1-----\n",
};
const server = (name: string, more: Partial<FleetServer> = {}): FleetServer =>
  ({
    name,
    linkName: name,
    generation: 1,
    number: 1,
    host: `${name}.example.net`,
    addresses: ["192.0.2.1", "2001:db8::1"],
    services: [
      {
        service: "openvpn",
        ports: [
          { protocol: "udp", port: 1194 },
          { protocol: "tcp", port: 443 },
        ],
      },
    ],
    ...more,
  }) as FleetServer;
const profileOf = (
  servers: FleetServer[],
  sources: typeof secrets,
  options: ProfileOptions = {},
): string | undefined => {
  const named = (name: string) => servers.find((each) => each.name === name);
  const names = servers.map(({ name }) => name);
  return profilesFor({ ...sources, named })("openvpn", names, options)[0]?.content;
};
const remotes = (profile = "") => profile.split("\n").filter((line) => line.startsWith("remote "));

test("a profile insists on the certificate's name of the server's generation, whatever it is called now", () => {
  const profile = profileOf([server("paris1", { linkName: "london1", generation: 2 })], secrets);
  assert.match(profile ?? "", /^verify-x509-name london1-g2\.exits\.lethe\.internal name$/m);
});

test("a profile names the addresses behind the name, for a client whose questions for the name end in a dead tunnel", () => {
  assert.deepEqual(remotes(profileOf([server("paris1")], secrets)), [
    "remote paris1.example.net 1194 udp",
    "remote 192.0.2.1 1194 udp",
    "remote paris1.example.net 443 tcp",
    "remote 192.0.2.1 443 tcp",
  ]);
  assert.equal(remotes(profileOf([server("paris1", { host: "192.0.2.1" })], secrets)).length, 2);
});

test("one protocol alone, and addresses instead of names, where that was asked for", () => {
  const servers = [server("london1"), server("london2", { addresses: ["2001:db8::2"] })];
  assert.deepEqual(remotes(profileOf(servers, secrets, { protocol: "tcp", byAddress: true })), [
    "remote 192.0.2.1 443 tcp",
    "remote london2.example.net 443 tcp",
  ]);
});

test("a host that is an address comes before what the machine bears itself: behind NAT that leads nowhere", () => {
  const behind = server("london1", { host: "198.51.100.7", addresses: ["10.0.0.5"] });
  const guarded = profiles([behind])("openvpn-guarded", ["london1"], { protocol: "udp" });
  assert.deepEqual(remotes(guarded[0]?.content), [
    "remote 198.51.100.7 1194 udp",
    "remote 10.0.0.5 1194 udp",
  ]);
  assert.equal(remotes(profileOf([behind], secrets, { byAddress: true }))[0], "remote 198.51.100.7 1194 udp");
});

test("behind a name a private address stands in no file: it would be another machine of the member's network", () => {
  for (const address of ["10.0.0.5", "172.31.0.1", "192.168.1.2", "100.64.0.9", "169.254.1.1", "127.0.0.1"]) {
    const inside = server("london1", { addresses: [address, "192.0.2.1"] });
    const [file] = profiles([inside])("openvpn-guarded", ["london1"], { protocol: "udp" });
    assert.deepEqual(remotes(file?.content), [
      "remote 192.0.2.1 1194 udp",
      "remote london1.example.net 1194 udp",
    ]);
  }
  const alone = server("london1", { addresses: ["10.0.0.5"] });
  assert.deepEqual(remotes(profileOf([alone], secrets, { protocol: "udp", byAddress: true })), [
    "remote london1.example.net 1194 udp",
  ]);
});

test("servers without OpenVPN have no part in it, and alone no profile", () => {
  const none = server("oslo1", { services: [{ service: "http", ports: [{ protocol: "tcp", port: 3128 }] }] });
  assert.equal(profileOf([none], secrets), undefined);
  assert.equal(profileOf([], secrets), undefined);
  assert.equal(remotes(profileOf([none, server("london1", { addresses: [] })], secrets)).length, 2);
});

const profiles = (servers: FleetServer[]) =>
  profilesFor({ ...secrets, named: (name) => servers.find((each) => each.name === name) });

test("Android's file names no HTTPS proxy, which Android's own reading of it passes over", () => {
  const ports = (port: number) => [{ port, protocol: "tcp" as const }];
  const services = [
    { service: "https" as const, ports: ports(8443) },
    { service: "http" as const, ports: ports(3128) },
  ];
  const said = (system?: "android", offered = services) =>
    /return "((?:HTTPS|PROXY).*)";/.exec(
      profiles([server("london1", { services: offered })])("pac", ["london1"], { system })[0]?.content ?? "",
    )?.[1];
  assert.match(said() ?? "", /^HTTPS london1\.example\.net:8443; /);
  assert.equal(said("android"), "PROXY london1.example.net:3128");
  assert.equal(said("android", services.slice(0, 1)), undefined);
});

test("two hops: the first server is dialled, on the second one's ports, and the second one's certificate is asked for", () => {
  const make = profiles([
    server("london1", { number: 7 }),
    server("oslo1", { number: 12, addresses: ["192.0.2.9"] }),
  ]);
  const [file] = make("openvpn", ["oslo1"], { via: "london1", system: "linux" });
  assert.equal(file?.name, "oslo1-by-london1.conf");
  assert.deepEqual(remotes(file?.content), [
    "remote london1.example.net 53012 udp",
    "remote 192.0.2.1 53012 udp",
    "remote london1.example.net 53012 tcp",
    "remote 192.0.2.1 53012 tcp",
  ]);
  assert.match(file?.content ?? "", /^verify-x509-name oslo1\.exits\.lethe\.internal name$/m);
  assert.deepEqual(
    remotes(make("openvpn", ["oslo1"], { via: "london1", byAddress: true, protocol: "udp" })[0]?.content),
    ["remote 192.0.2.1 53012 udp"],
  );
  for (const via of ["oslo1", "nowhere1"]) assert.deepEqual(make("openvpn", ["oslo1"], { via }), []);
  assert.deepEqual(make("pac", ["oslo1"], { via: "london1" }), []);
  assert.deepEqual(make("openvpn", ["oslo1", "london1"], { via: "london1" }), []);
});

test("a guarded profile and a router's name addresses, since no name can be asked for while everything is shut", () => {
  const make = profiles([server("london1")]);
  const guarded = make("openvpn-guarded", ["london1"], { level: "ads", protocol: "udp" });
  assert.deepEqual(
    guarded.map(({ name }) => name),
    ["london1.conf", "lethe-guard.sh"],
  );
  assert.deepEqual(remotes(guarded[0]?.content), [
    "remote 192.0.2.1 1194 udp",
    "remote london1.example.net 1194 udp",
  ]);
  const openwrt = make("openwrt", ["london1"], { level: "ads", protocol: "udp" });
  assert.deepEqual(
    openwrt.map(({ name }) => name),
    ["london1.ovpn", "setup.sh"],
  );
  assert.deepEqual(remotes(openwrt[0]?.content), ["remote 192.0.2.1 1194 udp"]);
  assert.match(openwrt[1]?.content ?? "", /server=10\.66\.255\.2/);
});

test("an ssh stanza needs the keys that the server has told of, and has ed25519's; Windows gets them as a file", () => {
  const keys = ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0"];
  const services = [{ service: "ssh", ports: [{ protocol: "tcp", port: 2222 }] }] as FleetServer["services"];
  const make = profiles([
    server("london1", { services, identity: { ssh: keys } }),
    server("oslo1", { services }),
    server("paris1", { identity: { ssh: keys } }),
  ]);
  const [config, ...none] = make("ssh", ["london1"], { username: "abcdefghijkl" });
  assert.equal(config?.name, "london1.ssh-config");
  assert.match(config?.content ?? "", /KnownHostsCommand \/bin\/echo vpn-london1 ssh-ed25519 /);
  assert.match(config?.content ?? "", /^ {2}User abcdefghijkl$/m);
  assert.deepEqual(none, []);
  const windows = make("ssh", ["london1"], { system: "windows" });
  assert.deepEqual(
    windows.map(({ name }) => name),
    ["london1.ssh-config", "london1.known-hosts"],
  );
  assert.equal(windows[1]?.content.split("\n").length, 3);
  for (const name of ["oslo1", "paris1"]) assert.deepEqual(make("ssh", [name]), []);
});
