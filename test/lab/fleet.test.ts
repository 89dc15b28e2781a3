import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { whyNoCluster } from "../../src/store/test-cluster.ts";
import type { ApiMember } from "./api-member.ts";
import { FleetScene } from "./fleet-scene.ts";
import { OpenVpnClient, over } from "./openvpn-client.ts";
import { seenAddress } from "./probes.ts";
import { curlThrough } from "./proxy-client.ts";
import { skipOrFail } from "./requirements.ts";

/** The issue's: on the status page within so long after the line was pasted. */
const JOINED_WITHIN_MS = 60_000;

/**
 * A fleet from its first server on: an office on PostgreSQL with its nats-server, and four machines that join by the line
 * that `lethe server add` prints.
 */
describe("a fleet", { skip: skipOrFail(whyNoCluster()) }, () => {
  let opened: FleetScene | undefined;
  let member: ApiMember;
  const scene = (): FleetScene => opened!;
  before(async () => {
    opened = await FleetScene.open();
  });
  after(() => opened?.close());

  test("four servers join, each by one pasted line, and are on the status page within a minute", async (context) => {
    const took = await scene().join();
    context.diagnostic(
      `from the paste to the status page: ${took.map((ms) => `${Math.round(ms)} ms`).join(", ")}`,
    );
    assert.ok(took.every((ms) => ms <= JOINED_WITHIN_MS));
    for (const exit of scene().exits) assert.doesNotMatch(exit.output, /\n {4}at |rror/);
  });

  test("a member is online through each of them, over OpenVPN and SOCKS5", async () => {
    const { world, exits } = scene();
    member = await scene().member("anna.lab");
    for (const [index, exit] of exits.entries()) {
      const vpn = await member.vpn(exit.name);
      const address = world.addressOf(exit.machine);
      const proxied = await seenAddress(world.client, ...curlThrough("socks5", vpn, address));
      assert.equal(proxied, address, `${exit.name} over SOCKS5`);
      const protocol = index % 2 === 0 ? "udp" : "tcp";
      const client = OpenVpnClient.start(world.client, world.folder, vpn, ...over(protocol));
      try {
        await client.online();
        assert.equal(await seenAddress(world.client), address, `${exit.name} over OpenVPN ${protocol}`);
      } finally {
        await client.stop();
      }
    }
    assert.equal(await seenAddress(world.client), world.addressOf(world.client));
  });
});
