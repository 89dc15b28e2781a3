import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { Ikev2Client, type Sswan } from "../ikev2-client.ts";
import { PATIENCE_MS, until } from "../namespace.ts";
import { seenAddress, seenAddressV6 } from "../probes.ts";
import { clientAddresses, type ServicesScene } from "../services-scene.ts";
import { captureStrays, type VpnClientOptions, type VpnService, vpnServiceCases } from "../vpn-service.ts";

/** strongSwan, by the file for its app that the site gives. */
export async function startIkev2(options: VpnClientOptions, how?: { block: boolean }): Promise<Ikev2Client> {
  const { on, folder, exit, member, login } = options;
  const { status, text } = await member.ask("GET", `/api/v1/account/profiles/sswan/${exit.name}`);
  if (status !== 200) throw new Error(`no profile for ${exit.name}: ${status} ${text}`);
  const profile = JSON.parse(text) as Sswan;
  return Ikev2Client.start(on, folder, { profile, address: exit.v4, ...login }, how);
}

const ikev2: VpnService = {
  name: "IKEv2",
  start: (options) => startIkev2(options),
  engine: /charon-systemd --lethe=/,
  refusals: {
    wrong: /ERROR_AUTHENTICATION_FAILURE/,
    expired: /ERROR_ACCT_DISABLED/,
    tooMany: /ERROR_NO_DIALIN_PERMISSION/,
  },
  passwords: true,
};

export function ikev2Cases(scene: () => ServicesScene): void {
  vpnServiceCases(ikev2, scene);

  test("IKEv2: the tunnel takes everything while it is there; what holds traffic back afterwards is the client's own block and nothing of ours: without it traffic goes on bare", async () => {
    const { world, berlin, exits } = scene();
    const member = await scene().newMember("block-ikev2.lab");
    const options = { on: world.client, folder: world.folder, exit: berlin, member };
    for (const block of [true, false]) {
      const client = await startIkev2({ ...options, login: await scene().login(member) }, { block });
      try {
        await client.online();
        const strays = await captureStrays(world.client, berlin, exits);
        assert.equal(await seenAddress(world.client), berlin.v4);
        assert.equal(await seenAddressV6(world.client), berlin.v6);
        assert.deepEqual(await strays.stop(), [], block ? "with the block" : "by its routes alone");
        await client.end();
        const bare = await seenAddress(world.client, "--max-time", "2");
        assert.equal(bare, block ? undefined : clientAddresses.client.v4);
      } finally {
        await client.stop();
      }
    }
  });

  test("IKEv2: a client that offers MOBIKE is told no other address of the server", async () => {
    const { world, berlin } = scene();
    const member = await scene().member("anna-ikev2.lab");
    const login = await scene().login(member);
    const client = await ikev2.start({ on: world.client, folder: world.folder, exit: berlin, member, login });
    try {
      await client.online();
      assert.match(client.said(), /generating IKE_AUTH request.*N\(MOBIKE_SUP\)/, "control: it did offer");
      assert.match(client.said(), /parsed IKE_AUTH response/);
      assert.doesNotMatch(client.said(), /parsed IKE_AUTH response.*N\((MOBIKE_SUP|ADD_4_ADDR|ADD_6_ADDR)\)/);
    } finally {
      await client.stop();
    }
  });

  test("IKEv2: who asks for more addresses inside the tunnel than a device needs is ended at once", async () => {
    const { world, berlin } = scene();
    const member = await scene().member("anna-ikev2.lab");
    const login = await scene().login(member);
    const greedy = { ...login, addresses: ["0.0.0.0", "0.0.0.0", "0.0.0.0", "::"] };
    const client = await startIkev2(
      { on: world.client, folder: world.folder, exit: berlin, member, login: greedy },
      { block: false },
    );
    try {
      await until("the end", PATIENCE_MS, () => /received DELETE for IKE_SA/.test(client.said()));
      const given = client.said().match(/installing new virtual IP/g);
      assert.equal(given?.length, 4, "control: it was given all of them");
    } finally {
      await client.stop();
    }
  });

  test("IKEv2: strongSwan has no file open that it could write to", async () => {
    const [pid] = await scene().berlin.machine.pidsMatching(ikev2.engine);
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.ok(open.length > 3, "control: its open files are seen");
    const files = open.filter((path) => path.startsWith("/") && !path.startsWith("/dev/"));
    assert.deepEqual(files, []);
  });

  test("IKEv2: a member online has the kernel ask no routing rule but its own, and strongSwan's routes lead no packet astray", async () => {
    const { world, berlin } = scene();
    const member = await scene().member("anna-ikev2.lab");
    const login = await scene().login(member);
    const client = await ikev2.start({ on: world.client, folder: world.folder, exit: berlin, member, login });
    try {
      await client.online();
      const rules = async (family: string) => {
        const shown = await berlin.machine.must(["ip", family, "rule", "show"]);
        return shown.match(/lookup \S+/g)?.map((rule) => rule.slice("lookup ".length));
      };
      assert.deepEqual(await rules("-4"), ["local", "main", "default"]);
      assert.deepEqual(await rules("-6"), ["local", "main"]);
      const ownRoutes = async (family: string) => {
        const shown = await berlin.machine.must(["ip", "-j", family, "route", "show"]);
        const all = JSON.parse(shown) as { dst: string; dev: string }[];
        return all.filter(({ dev, dst }) => /^ipsec\d+$/.test(dev) && !dst.startsWith("fe80:"));
      };
      for (const family of ["-4", "-6"]) {
        const [route] = await ownRoutes(family);
        assert.ok(route, "control: strongSwan's route is there");
        const got = await berlin.machine.must(["ip", "-j", family, "route", "get", route.dst]);
        assert.equal((JSON.parse(got) as { dev: string }[])[0]?.dev, "lethe-x0", "and passed over");
      }
      assert.equal(await seenAddress(world.client), berlin.v4);
      assert.equal(await seenAddressV6(world.client), berlin.v6);
    } finally {
      await client.stop();
    }
  });
}
