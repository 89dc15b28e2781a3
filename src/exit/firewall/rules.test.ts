import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { test } from "node:test";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { IKEV2, tunnelsOf, WIREGUARD } from "../tunnel-plan.ts";
import { type FirewallFacts, type FirewallSettings, firewallRules } from "./rules.ts";

const settings: FirewallSettings = {
  egress: { allow: ["203.0.113.0/24"], deny: ["198.51.100.7", "2001:db8:bad::/48"], denyPorts: [6667] },
  sitePorts: [8080],
  services: {
    socks5: { listen: [{ address: "0.0.0.0", port: 1080 }] },
    openvpn: {
      listen: [
        { protocol: "udp", address: "0.0.0.0", port: 1194 },
        { protocol: "tcp", address: "::", port: 443 },
      ],
      tlsCrypt: "unused",
    },
  },
};
const facts: FirewallFacts = {
  tunnels: tunnelsOf(settings.services.openvpn),
  ownAddresses: ["127.0.0.1", "::1", "192.0.2.1", "10.66.0.1", "fe80::1", "2001:db8::1", "fd6c:6574:6865::1"],
  ipv6Uplink: true,
};
const render = (more: Partial<typeof settings> = {}, other: Partial<FirewallFacts> = {}): string =>
  firewallRules({ ...settings, ...more }, { ...facts, ...other });
const setOf = (text: string, name: string): string => new RegExp(`set ${name} \\{.*`).exec(text)![0];
const chainOf = (text: string, name: string): string =>
  new RegExp(`chain ${name} \\{[^}]*(?:\\{[^}]*\\}[^}]*)*?\\n  \\}`).exec(text)![0];

/** The rules of a chain. */
const linesOf = (text: string, name: string): string[] =>
  chainOf(text, name)
    .split("\n")
    .slice(1, -1)
    .map((line) => line.trim())
    .filter((line) => !line.startsWith("#"));

test("the old table goes in the same transaction in which the new one comes", () => {
  assert.ok(render().startsWith("table inet lethe\ndelete table inet lethe\ntable inet lethe {\n"));
});

test("what is not ours is left alone: every base chain accepts by default, and none is without our devices or ranges", () => {
  const text = render();
  assert.ok(!/policy drop/.test(text));
  assert.ok(chainOf(text, "input").includes('iifname "lethe-*" goto to_us'));
  assert.ok(!chainOf(text, "input").includes("drop"));
  assert.deepEqual(linesOf(text, "members"), [
    'iifname "lethe-*" goto outward',
    'oifname "lethe-*" goto inward',
  ]);
});

test("what this machine and a connection's other end know already costs no look at a device's name", () => {
  for (const chain of ["input", "output"]) {
    const [, , first, second] = chainOf(render(), chain).split("\n");
    assert.equal(first, "    ct state established,related accept");
    assert.match(second!, /^ {4}[io]ifname "lethe-\*" goto /);
  }
});

test("a packet with its device's source, and one that is no member's, is told by numbers; nothing else is", () => {
  const text = render();
  const [openvpn, other] = facts.tunnels;
  const byName = 'iifname vmap { "lethe-u0" : goto from_lethe-u0, "lethe-t1" : goto from_lethe-t1 }';
  assert.deepEqual(linesOf(text, "from_tunnel"), [
    `iifgroup ${openvpn!.group} ip saddr 10.66.0.0/20 accept`,
    `iifgroup ${other!.group} ip saddr 10.66.16.0/20 accept`,
    byName,
  ]);
  const [, ...early] = linesOf(text, "early");
  assert.deepEqual(early.slice(0, 5), [
    "iiftype 65534 jump from_tunnel",
    "ip saddr != 10.0.0.0/8 ip daddr != 10.0.0.0/8 accept",
    "ip6 saddr != fd6c:6574:6865::/48 ip6 daddr != fd6c:6574:6865::/48 accept",
    byName,
    'iifname "lo" accept',
  ]);
});

test("what is established meets two rules that ask for no name; where something is blocked every packet goes by it", () => {
  const [, syn, known, rest] = linesOf(
    render({ egress: { ...settings.egress, deny: [], denyPorts: [] } }),
    "forward",
  );
  assert.deepEqual(
    [syn, known, rest],
    ["tcp flags & syn == syn goto members", "ct state established,related accept", "goto members"],
  );
  for (const blocked of [
    { deny: ["198.51.100.7"] },
    { denyPorts: [6667] },
    { denyPortRanges: [{ from: 5, to: 6 }] },
  ]) {
    const egress = { ...settings.egress, deny: [], denyPorts: [], ...blocked };
    assert.deepEqual(linesOf(render({ egress }), "forward").slice(1), ["goto members"]);
  }
});

test("whatever prerouting makes of a device, nothing new comes from a tunnel with a foreign source", () => {
  for (const chain of ["to_us", "outward"]) {
    const lines = linesOf(render(), chain);
    const places = [
      "ip saddr != { 10.66.0.0/16, 10.96.0.0/11 } drop",
      "ip6 saddr != fd6c:6574:6865::/48 drop",
    ].map((rule) => lines.indexOf(rule));
    const firstAccept = lines.findIndex(
      (line) => line.endsWith("accept") && !line.startsWith("ct state established"),
    );
    for (const place of places) assert.ok(place >= 0 && place < firstAccept, `${chain}: ${lines.join("; ")}`);
  }
});

test("the policy's ranges, ports and own addresses stand in the sets", () => {
  const text = render();
  assert.match(setOf(text, "closed4"), /10\.0\.0\.0\/8/);
  assert.ok(!setOf(text, "closed4").includes("203.0.113.0/24"), "opened by egress.allow");
  assert.match(setOf(text, "deny4"), /elements = \{ 198\.51\.100\.7 \}/);
  assert.match(setOf(text, "deny6"), /elements = \{ 2001:db8:bad::\/48 \}/);
  assert.match(setOf(text, "own4"), /elements = \{ 192\.0\.2\.1 \}/);
  assert.match(setOf(text, "own6"), /elements = \{ 2001:db8::1 \}/);
  assert.match(setOf(text, "denied_ports"), /elements = \{ 25, 6667 \}/);
  assert.match(setOf(text, "service_ports"), /elements = \{ tcp \. 1080, udp \. 1194, tcp \. 443 \}/);
});

test("port ranges that are blocked on this exit stand in the set of refused ports, and lead to no member any more", () => {
  const egress = {
    ...settings.egress,
    denyPortRanges: [
      { from: 20_000, to: 20_001 },
      { from: 20_002, to: 20_002 },
      { from: 20, to: 30 },
    ],
  };
  const text = render({ egress, portForwarding: true });
  assert.match(setOf(text, "denied_ports"), /elements = \{ 25, 6667, 20-30, 20000-20002 \}/);
  assert.ok(!/map forwarded .* 20002 :/.test(text));
  assert.match(text, /map forwarded .* 20003 : 10\.66\.0\.3/);
});

test("each tunnel may only speak as itself", () => {
  const text = render();
  assert.match(
    chainOf(text, "early"),
    /iifname vmap \{ "lethe-u0" : goto from_lethe-u0, "lethe-t1" : goto from_lethe-t1 \}/,
  );
  assert.match(chainOf(text, "from_lethe-u0"), /^ {4}ip saddr 10\.66\.0\.0\/20 accept$/m);
  assert.match(chainOf(text, "from_lethe-t1"), /^ {4}ip6 saddr fd6c:6574:6865:1::\/64 accept$/m);
  for (const device of ["lethe-u0", "lethe-t1"])
    assert.match(chainOf(text, `from_${device}`), /^ {4}drop\n {2}\}$/m, "and nothing else");
});

test("what the operator blocks ends also where it is established; where nothing is blocked no packet is asked", () => {
  const outward = (more: object): string[] =>
    chainOf(render({ portForwarding: true, ...more }), "outward")
      .split("\n")
      .map((line) => line.trim());
  const egress = { allow: [], deny: [], denyPorts: [6667], denyPortRanges: [{ from: 20_000, to: 20_001 }] };
  const lines = outward({ egress });
  const rule = "ct direction original meta l4proto { tcp, udp } th dport @blocked_ports goto refuse";
  assert.ok(
    lines.indexOf(rule) > 0 && lines.indexOf(rule) < lines.indexOf("ct state established,related accept"),
  );
  assert.match(setOf(render({ egress }), "blocked_ports"), /elements = \{ 6667, 20000-20001 \}/);
  const inward = chainOf(render({ egress, portForwarding: true }), "inward");
  assert.match(
    inward,
    /ct status dnat ct direction original .* th dport @blocked_ports drop\n[\s\S]*ct state established/,
  );
  const none = { egress: { ...egress, denyPorts: [], denyPortRanges: [] } };
  assert.ok(!render({ ...none, portForwarding: true }).includes("blocked_ports"));
  assert.ok(!outward(none).some((line) => line.includes("@deny")));
  for (const deny of ["ip daddr @deny4 goto refuse", "ip6 daddr @deny6 goto refuse"])
    assert.ok(outward({}).indexOf(deny) > 0, deny);
});

test("both directions' SYN are held to the route's segment size; established packets are not asked where none can come", () => {
  const [size, established] = ["tcp option maxseg size set rt mtu", "ct state established,related accept"];
  const first = (text: string, chain: string): boolean =>
    chainOf(text, chain).indexOf(size) < chainOf(text, chain).indexOf(established);
  for (const portForwarding of [false, true]) {
    const text = render({ portForwarding });
    assert.ok(chainOf(text, "outward").includes(size));
    assert.ok(first(text, "inward"), "the answer to a member's SYN is established");
    assert.equal(first(text, "outward"), portForwarding);
  }
});

test("a device that its engine named itself is one of ours, and IKEv2's ports are a service's", () => {
  const services = { wireguard: { port: 51_820 }, ikev2: { hashKey: "unused" } };
  const libipsec = { ...IKEV2, device: "ipsec0" };
  const text = render({ services }, { tunnels: [WIREGUARD, libipsec] });
  for (const [chain, next] of [
    ["input", "to_us"],
    ["members", "outward"],
  ] as const)
    for (const device of ["lethe-*", "ipsec0"])
      assert.ok(chainOf(text, chain).includes(`iifname "${device}" goto ${next}`), `${chain} ${device}`);
  for (const chain of ["from_tunnel", "early"])
    assert.match(chainOf(text, chain), /"ipsec0" : goto from_ipsec0/);
  assert.ok(chainOf(text, "from_lethe-wg0").includes("ip saddr 10.96.0.0/11 accept"));
  assert.ok(chainOf(text, "from_ipsec0").includes("ip saddr 10.66.128.0/18 accept"));
  assert.match(setOf(text, "service_ports"), /elements = \{ udp \. 500, udp \. 4500 \}/);
});

const hops = [
  {
    addresses: ["198.51.100.8", "198.51.100.9", "2001:db8:2::8"],
    ports: [{ protocol: "udp" as const, port: 52_002, to: 51_820 }],
  },
];

test("a hop's port leads to the other exit's first address of either family, for whoever is not a member", () => {
  const text = render({ hops });
  const [v4, v6] = [
    /map hops4 .*elements = \{ udp \. 52002 : 198\.51\.100\.8 \. 51820 \}/,
    /map hops6 .*elements = \{ udp \. 52002 : 2001:db8:2::8 \. 51820 \}/,
  ];
  assert.match(text, v4);
  assert.match(text, v6);
  const lead = chainOf(text, "lead_on");
  assert.ok(lead.includes('iifname != "lethe-*" ip daddr @own4 meta l4proto { tcp, udp } dnat ip to'));
  assert.match(chainOf(text, "source"), /ip daddr @hop_exits4 masquerade to :\d+-\d+ fully-random/);
  assert.ok(!render().includes("hop"));
});

test("members' ports lead to them only where the operator wants it, and never the machine's own", () => {
  const text = render({ portForwarding: true }, { listening: [10_002] });
  assert.match(text, /map forwarded .* 20002 : 10\.66\.0\.2/);
  assert.ok(!/map forwarded .* 10002 :/.test(text));
  const source = /chain source \{([^}]*)\}/.exec(text)?.[1] ?? "";
  const hidden = source.indexOf('oifname "lethe-*" ct status dnat masquerade');
  assert.ok(
    hidden >= 0 && hidden < source.indexOf('oifname "lethe-*" accept'),
    "no device sees who calls it",
  );
  assert.ok(chainOf(text, "inward").includes("ct status dnat meta l4proto { tcp, udp } accept"));
  assert.ok(!render().includes("forwarded"));
  assert.ok(!chainOf(render(), "inward").includes("dnat"));
});

test("no connection of a member's leaves with a port on which the exit answers anybody (CVE-2021-3773)", () => {
  const services = { ...settings.services, wireguard: { port: 51_820 } };
  const range = (more: Partial<typeof settings>): [number, number] => {
    const text = render({ services, ...more });
    const found = [...text.matchAll(/masquerade to :(\d+)-(\d+) fully-random/g)].map(([, a, b]) =>
      [a, b].map(Number),
    );
    assert.ok(found.length >= 2);
    assert.ok(found.every((each) => each.join() === found[0]!.join()));
    return found[0] as [number, number];
  };
  assert.deepEqual(range({}), [8081, 51_819]);
  assert.deepEqual(range({ hops, portForwarding: true }), [34_096, 51_819]);
  assert.deepEqual(range({ stunPorts: [40_000] }), [8081, 39_999]);
  assert.ok(!/masquerade fully-random/.test(render()), "none without a range");
});

test("each level's resolver is asked as itself; every other question ends at the one that keeps nothing back", () => {
  const text = render({}, { levels: ["ads", "adult"] });
  const chain = chainOf(text, "resolve")
    .split("\n")
    .map((line) => line.trim());
  assert.equal(chain[2], 'iifname "lethe-*" ip daddr { 10.66.255.1, 10.66.255.2, 10.66.255.4 } accept');
  assert.ok(chain.at(-3)!.endsWith("dnat ip to 10.66.255.1"));
  assert.ok(
    chainOf(text, "to_us").includes("ip daddr { 10.66.255.1, 10.66.255.2, 10.66.255.4 } meta l4proto"),
  );
});

test("without an IPv6 uplink a client's IPv6 is refused at once", () => {
  const refusal = "ip6 saddr fd6c:6574:6865:0::/64 reject with icmpv6 no-route";
  assert.ok(!render().includes("no-route"));
  const chain = chainOf(render({}, { ipv6Uplink: false }), "from_lethe-u0");
  const inside = "ip6 saddr fd6c:6574:6865:0::/64 ip6 daddr fd6c:6574:6865::/48 accept";
  assert.ok(chain.includes(inside) && chain.indexOf(inside) < chain.indexOf(refusal));
});

test("the office's site and STUN are reached with the exit's address as source, and not at all where there are none", () => {
  const snat = "snat ip to ip daddr map { 192.0.2.1 : 192.0.2.1 }";
  assert.ok(render().includes(`tcp dport @site_ports ${snat}`));
  assert.ok(!render().includes("udp dport @stun_ports snat"));
  assert.ok(!render({ sitePorts: [] }).includes("snat"));
  const stun = render({ sitePorts: [], stunPorts: [3478] });
  assert.match(setOf(stun, "stun_ports"), /elements = \{ 3478 \}/);
  assert.ok(stun.includes(`udp dport @stun_ports ${snat}`));
  for (const chain of ["to_us", "outward"])
    assert.ok(chainOf(stun, chain).includes("ip6 daddr @own6 udp dport @stun_ports accept"), chain);
  assert.ok(!stun.includes("tcp dport @site_ports snat"));
});

test("the site has an address inside the tunnels, which leads to where it listens", () => {
  const inside = (site: object): string =>
    chainOf(render({ siteInside: { names: ["vpn.example.net"], ...site } }), "resolve");
  const any = inside({ v4: "0.0.0.0", v6: "::" });
  assert.match(any, /ip daddr 10\.66\.255\.80 tcp dport @site_ports dnat ip to 192\.0\.2\.1$/m);
  assert.match(any, /ip6 daddr fd6c:6574:6865:ffff::80 tcp dport @site_ports dnat ip6 to 2001:db8::1$/m);
  const one = inside({ v4: "192.0.2.7" });
  assert.match(one, /dnat ip to 192\.0\.2\.7$/m);
  assert.ok(!one.includes("ffff::80") && !chainOf(render(), "resolve").includes("@site_ports"));
});

test("the kernel takes the rules, twice in a row, with and without everything optional, on a system without netbase's names", (t) => {
  const nft = findProgram("nft");
  const unshare = findProgram("unshare");
  if (process.getuid!() !== 0 || nft === undefined || unshare === undefined)
    return t.skip(skipFor("needs root and nft"));
  const everything = render();
  const least = render(
    { egress: { allow: [], deny: [], denyPorts: [] }, sitePorts: [], services: {} },
    {
      tunnels: [],
      ownAddresses: [],
      ipv6Uplink: false,
    },
  );
  const named = render({}, { tunnels: [WIREGUARD, { ...IKEV2, device: "ipsec0" }] });
  const more = render(
    {
      hops,
      egress: {
        ...settings.egress,
        // One that has port 25 in it, which the set has anyway.
        denyPortRanges: [
          { from: 20, to: 30 },
          { from: 6660, to: 6669 },
        ],
      },
      portForwarding: true,
      stunPorts: [3478],
      siteInside: { names: ["vpn.example.net"], v4: "0.0.0.0", v6: "::" },
    },
    { levels: ["ads", "malware", "adult"] },
  );
  for (const text of [everything, least, named, more]) {
    // Debian's netbase, which has these files, is on no bare system.
    const bare =
      'for names in /etc/protocols /etc/services; do [ ! -e $names ] || mount --bind /dev/null $names; done; exec "$@"';
    const done: SpawnSyncReturns<string> = spawnSync(
      unshare,
      ["--net", "--mount", "sh", "-ec", bare, "sh", nft, "-f", "-"],
      { input: text + text, encoding: "utf8" },
    );
    assert.equal(done.status, 0, String(done.stderr));
  }
});
