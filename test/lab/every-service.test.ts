import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DEVICE_PREFIX } from "../../src/exit/tunnel-plan.ts";
import { allServicesCases } from "./cases/all-services.ts";
import { blockedCases } from "./cases/blocked.ts";
import { checkCases } from "./cases/check.ts";
import { dnsLevelCases } from "./cases/dns-levels.ts";
import { fairUseCases } from "./cases/fair-use.ts";
import { garbageCases } from "./cases/garbage.ts";
import { guardedCases } from "./cases/guarded.ts";
import { ikev2Cases } from "./cases/ikev2.ts";
import { openvpnCases } from "./cases/openvpn.ts";
import { openvpnPortCases } from "./cases/openvpn-ports.ts";
import { portForwardingCases } from "./cases/port-forwarding.ts";
import { portShadowingCases } from "./cases/port-shadowing.ts";
import { profileCases } from "./cases/profiles.ts";
import { proxyCases } from "./cases/proxies.ts";
import { renewalCases } from "./cases/renewal.ts";
import { sessionsCases } from "./cases/sessions.ts";
import { sshCases } from "./cases/ssh.ts";
import { stealthObfs4Cases, stealthTlsCases } from "./cases/stealth.ts";
import { twoHopCases } from "./cases/two-hops.ts";
import { wireguardCases } from "./cases/wireguard.ts";
import { OpenVpnClient } from "./openvpn-client.ts";
import { seenAddress, seenAddressV6 } from "./probes.ts";
import { skipOrFail } from "./requirements.ts";
import { clientAddresses, ServicesScene } from "./services-scene.ts";

/** Whoever works on one service names its cases: `LETHE_LAB_CASES=ssh,wireguard`. */
const only = process.env.LETHE_LAB_CASES?.split(",");
const SERVICES: readonly (readonly [string, (scene: () => ServicesScene) => void])[] = [
  // First: they look at everything that an exit sends, and what the others cut off is still being sent again for minutes.
  ["two-hops", twoHopCases],
  ["profiles", profileCases],
  ["guarded", guardedCases],
  ["openvpn", openvpnCases],
  ["fair-use", fairUseCases],
  ["dns-levels", dnsLevelCases],
  ["openvpn-ports", openvpnPortCases],
  ["wireguard", wireguardCases],
  ["ikev2", ikev2Cases],
  ["stealth-tls", stealthTlsCases],
  ["stealth-obfs4", stealthObfs4Cases],
  ["ssh", sshCases],
  ["proxies", proxyCases],
  ["blocked", blockedCases],
  ["port-shadowing", portShadowingCases],
  ["sessions", sessionsCases],
  ["all-services", allServicesCases],
  ["check", checkCases],
  ["renewal", renewalCases],
  // It ends with the operator's switch turned off.
  ["port-forwarding", portForwardingCases],
  // Last: it floods one exit.
  ["garbage", garbageCases],
];

/** What `ip -j link` tells of a device. */
interface LinkShown {
  ifname: string;
  link_type: string;
  group: string;
}

describe("every service, on two exits", { skip: skipOrFail() }, () => {
  let opened: ServicesScene | undefined;
  const scene = (): ServicesScene => opened!;
  before(async () => {
    opened = await ServicesScene.open();
  });
  after(() => opened?.close());

  test("a member is online through both exits, over IPv4 and IPv6, and seen as the client without one", async () => {
    const { world, exits } = scene();
    const member = await scene().member("anna.lab");
    for (const exit of exits) {
      const client = OpenVpnClient.start(world.client, world.folder, await member.vpn(exit.name));
      try {
        await client.online();
        assert.equal(await seenAddress(world.client), exit.v4);
        assert.equal(await seenAddressV6(world.client), exit.v6);
      } finally {
        await client.stop();
      }
    }
    assert.equal(await seenAddress(world.client), clientAddresses.client.v4, "control");
    assert.equal(await seenAddressV6(world.client), clientAddresses.client.v6, "control");
  });

  test("each tunnel's device has the link type and the group by which the firewall tells it", async () => {
    for (const { name, machine } of scene().exits) {
      const listed = JSON.parse(await machine.must(["ip", "-d", "-j", "link", "show"])) as LinkShown[];
      const ours = listed.filter(({ ifname }) => ifname.startsWith(DEVICE_PREFIX));
      const chain = await machine.must(["nft", "list", "chain", "inet", "lethe", "from_tunnel"]);
      assert.ok(ours.length >= 4, `${name}: ${ours.length} devices`);
      for (const { ifname, link_type, group } of ours) {
        assert.equal(link_type, "none", ifname);
        const network = new RegExp(
          `iifgroup (?:${group}|0x0*${Number(group).toString(16)}) ip saddr (\\S+) accept`,
        ).exec(chain)?.[1];
        const of = await machine.must(["nft", "list", "chain", "inet", "lethe", `from_${ifname}`]);
        assert.ok(
          network !== undefined && of.includes(`ip saddr ${network} accept`),
          `${ifname}: ${group}\n${chain}`,
        );
      }
    }
  });

  for (const [name, cases] of SERVICES) if (only?.includes(name) ?? true) cases(scene);
});
