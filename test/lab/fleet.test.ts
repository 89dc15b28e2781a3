import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { whyNoCluster } from "../../src/store/test-cluster.ts";
import { lab } from "./addresses.ts";
import type { ApiMember } from "./api-member.ts";
import { clockCases } from "./cases/fleet-clocks.ts";
import { cutLinkCases } from "./cases/fleet-cut.ts";
import { killCases } from "./cases/fleet-kills.ts";
import { seizureCases } from "./cases/fleet-seizure.ts";
import { FleetScene } from "./fleet-scene.ts";
import { PATIENCE_MS, until } from "./namespace.ts";
import { OpenVpnClient, over } from "./openvpn-client.ts";
import { seenAddress } from "./probes.ts";
import { curlThrough } from "./proxy-client.ts";
import { skipOrFail } from "./requirements.ts";

/**
 * On the status page within so long after the line was pasted (docs/operating.md, Servers); ten times over, for a machine that others
 * use as well, and what it took is printed.
 */
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
    assert.ok(
      took.every((ms) => ms <= JOINED_WITHIN_MS * 10),
      took.join(),
    );
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

  test("a drained server lets nobody new in and says so, and keeps who is online", async () => {
    const { world, office, exits } = scene();
    const [, exit] = exits;
    const vpn = await member.vpn(exit!.name);
    const address = world.addressOf(exit!.machine);
    const connectStatus = async () => {
      const options = curlThrough("connect", vpn, address);
      const argv = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_connect}", "--max-time", "10", ...options];
      return (await world.internet.run([...argv, `http://${lab.internet.web4}/ip`])).stdout;
    };
    assert.equal(await connectStatus(), "200", "control");
    const client = OpenVpnClient.start(world.client, world.folder, vpn);
    try {
      await client.online();
      await office.mustCommand("server", "drain", exit!.name);
      await until("new logins to end", PATIENCE_MS, async () => (await connectStatus()) === "503");
      assert.equal(await seenAddress(world.client), address);
      await office.mustCommand("server", "undrain", exit!.name);
      await until("logins again", PATIENCE_MS, async () => (await connectStatus()) === "200");
    } finally {
      await client.stop();
    }
  });

  cutLinkCases(scene);
  killCases(scene);
  seizureCases(scene);
  if (process.env.LETHE_LAB_LONG === "1") clockCases(scene);
});
