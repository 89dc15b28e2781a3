import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FirewallSettings, firewallRules } from "../../src/exit/firewall/rules.ts";
import { TUNNEL_LINK_TYPE, tunnelsOf, WIREGUARD } from "../../src/exit/tunnel-plan.ts";
import { Datagrams } from "./datagrams.ts";
import { link, Namespace, PATIENCE_MS } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

const SENT = 3;
const PORT = 7007;
/** Who expects nothing waits so long for it; what arrives does so in a millisecond. */
const NOTHING_MS = 500;

const services: FirewallSettings["services"] = {
  openvpn: { listen: [{ protocol: "udp", address: "0.0.0.0", port: 1194 }], tlsCrypt: "unused" },
  wireguard: { port: 51_820 },
};
const settings: FirewallSettings = {
  egress: { allow: ["192.0.2.0/24", "2001:db8::/64"], deny: [], denyPorts: [] },
  sitePorts: [],
  services,
};
const tunnels = [...tunnelsOf(services.openvpn), WIREGUARD];
const rules = firewallRules(settings, {
  tunnels,
  ownAddresses: ["192.0.2.1", "2001:db8::1"],
  ipv6Uplink: true,
});

/** The packets' devices here are veth, Ethernet: what the rules say of tun devices is said of those. */
const rulesOfTheirKind = rules.replaceAll(`iiftype ${TUNNEL_LINK_TYPE}`, "iiftype ether");

/**
 * The rules alone, on devices that let everything through: OpenVPN, WireGuard and strongSwan look at a packet's source themselves, so
 * that with them nothing would be left for the rules to stop.
 *
 *   openvpn ── lethe-u0 ──┐
 *                         ├── exit ── eth0 ── outside
 *   wireguard ─ lethe-wg0 ┘
 */
describe("packets with a source that is not theirs", { skip: skipOrFail() }, () => {
  const [openvpn, wireguard, exit, outside] = ["openvpn", "wireguard", "exit", "outside"].map(
    (role) => new Namespace(`lethe-${process.pid}-0-${role}`),
  ) as [Namespace, Namespace, Namespace, Namespace];
  const all = [openvpn, wireguard, exit, outside];
  const own = {
    openvpn: { v4: "10.66.0.5", v6: "fd6c:6574:6865::5" },
    wireguard: { v4: "10.96.0.5", v6: "fd6c:6574:6865:a000::5" },
  };

  before(async () => {
    for (const each of all) await each.create("192.0.2.2");
    for (const each of all)
      await each.must([
        ...["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"],
        ...["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"],
      ]);
    await link([openvpn, "tun0", "10.66.0.5/20", "fd6c:6574:6865::5/64"], [exit, "lethe-u0", "10.66.0.1/20"]);
    await exit.must(["ip", "address", "add", "fd6c:6574:6865::1/64", "dev", "lethe-u0", "nodad"]);
    await link([wireguard, "wg0", "10.96.0.5/11"], [exit, "lethe-wg0", "10.127.255.254/11"]);
    await wireguard.must(["ip", "address", "add", "fd6c:6574:6865:a000::5/64", "dev", "wg0", "nodad"]);
    await exit.must(["ip", "address", "add", "fd6c:6574:6865:a000::1/64", "dev", "lethe-wg0", "nodad"]);
    await link([outside, "eth0", "192.0.2.2/24", "2001:db8::2/64"], [exit, "eth0", "192.0.2.1/24"]);
    await exit.must(["ip", "address", "add", "2001:db8::1/64", "dev", "eth0", "nodad"]);
    const ways = [
      [openvpn, "10.66.0.1", "fd6c:6574:6865::1"],
      [wireguard, "10.127.255.254", "fd6c:6574:6865:a000::1"],
      [outside, "192.0.2.1", "2001:db8::1"],
    ] as const;
    for (const [from, v4, v6] of ways) {
      await from.must(["ip", "route", "add", "default", "via", v4]);
      await from.must(["ip", "route", "add", "default", "via", v6]);
    }
    // A real tunnel has no neighbours to ask for, and the rules let none be asked for.
    const near = [
      [openvpn, "tun0", own.openvpn.v6, "lethe-u0", "fd6c:6574:6865::1"],
      [wireguard, "wg0", own.wireguard.v6, "lethe-wg0", "fd6c:6574:6865:a000::1"],
    ] as const;
    for (const [member, device, v6, atExit, gateway] of near) {
      const linkAddress = async (of: Namespace, name: string): Promise<string> =>
        (await of.must(["cat", `/sys/class/net/${name}/address`])).trim();
      const [here, there] = [await linkAddress(member, device), await linkAddress(exit, atExit)];
      await member.must(["ip", "neigh", "replace", gateway, "lladdr", there, "dev", device]);
      await exit.must(["ip", "neigh", "replace", v6, "lladdr", here, "dev", atExit]);
    }
    for (const each of all) {
      const counts =
        "table inet seen { counter came { }; " +
        `chain input { type filter hook input priority 10; udp dport ${PORT} counter name came; }; }`;
      await each.must(["nft", "-f", "-"], { input: counts });
    }
    for (const { device, group } of tunnels)
      await exit.must(["ip", "link", "set", "dev", device, "group", String(group)]);
  });
  after(() => Promise.all(all.map((each) => each.remove())));

  type Way = readonly [from: Namespace, source: string, to: string, at: Namespace];

  /** How many of three datagrams from `from`, with that source, come to `at`; waited for until `expected` have. */
  async function arriving([from, source, to, at]: Way, expected: number): Promise<number> {
    if (!(await from.must(["ip", "address", "show"])).includes(` ${source}/`))
      await from.must(["ip", "address", "add", source, "dev", "lo"]);
    await at.must(["nft", "reset", "counter", "inet", "seen", "came"]);
    const sender = await Datagrams.bind(from, source, PORT + 1);
    try {
      for (let sent = 0; sent < SENT; sent++) sender.send(to, PORT, "from whom?");
      for (const endMs = performance.now() + (expected === 0 ? NOTHING_MS : PATIENCE_MS); ; await sleep(20)) {
        const shown = await at.must(["nft", "list", "counter", "inet", "seen", "came"]);
        const came = Number(/packets (\d+)/.exec(shown)![1]);
        if (performance.now() > endMs || (expected > 0 && came >= expected)) return came;
      }
    } finally {
      await sender.close();
    }
  }

  const stopped: readonly (readonly [what: string, ways: readonly Way[]])[] = [
    [
      "a member's with the address of another tunnel's member",
      [
        [openvpn, own.wireguard.v4, "192.0.2.2", outside],
        [openvpn, own.wireguard.v6, "2001:db8::2", outside],
      ],
    ],
    [
      "a member's with an address of the internet",
      [
        [wireguard, "8.8.4.4", "192.0.2.2", outside],
        [wireguard, "2600::4", "2001:db8::2", outside],
      ],
    ],
    [
      "from outside to a member",
      [
        [outside, "192.0.2.2", own.openvpn.v4, openvpn],
        [outside, "2001:db8::2", own.wireguard.v6, wireguard],
      ],
    ],
    [
      "from outside to the exit, with a member's address",
      [
        [outside, "10.66.0.77", "192.0.2.1", exit],
        [outside, "fd6c:6574:6865:a000::77", "2001:db8::1", exit],
      ],
    ],
  ];

  for (const [kind, table] of [
    ["devices of a tunnel's link type, by their group", rulesOfTheirKind],
    ["devices of another link type, by their name", rules],
  ] as const)
    describe(kind, () => {
      before(() => exit.must(["nft", "-f", "-"], { input: table }));

      test("a member's with its own address arrive", async () => {
        for (const way of [
          [openvpn, own.openvpn.v4, "192.0.2.2", outside],
          [wireguard, own.wireguard.v4, "192.0.2.2", outside],
          [wireguard, own.wireguard.v6, "2001:db8::2", outside],
        ] as const)
          assert.equal(await arriving(way, SENT), SENT, way[1]);
      });

      for (const [what, ways] of stopped)
        test(`${what}: none arrives; control: without our table all do`, async () => {
          for (const way of ways) assert.equal(await arriving(way, 0), 0, way[1]);
          await exit.must(["nft", "delete", "table", "inet", "lethe"]);
          try {
            for (const way of ways) assert.equal(await arriving(way, SENT), SENT, `control: ${way[1]}`);
          } finally {
            await exit.must(["nft", "-f", "-"], { input: table });
          }
        });
    });
});
