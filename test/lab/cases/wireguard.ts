import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import { startCapture } from "../capture.ts";
import { type Namespace, until } from "../namespace.ts";
import { seenAddress } from "../probes.ts";
import type { LabExit, ServicesScene } from "../services-scene.ts";
import { type VpnClient, type VpnService, vpnServiceCases } from "../vpn-service.ts";
import {
  addDevice,
  deviceFile,
  makeKeys,
  WireguardClient,
  type WireguardDevice,
} from "../wireguard-client.ts";

/** "At once"; ten times over, for a machine that others use as well, and what it took is printed. */
const GONE_WITHIN_MS = 2000;

/** One device a member and machine, as people have it. */
const devices = new Map<string, Promise<WireguardDevice>>();

function deviceOf(member: ApiMember, on: Namespace): Promise<WireguardDevice> {
  const key = `${member.name} ${on.name}`;
  const known = devices.get(key) ?? addDevice(member);
  devices.set(key, known);
  return known;
}

/** The files that were fetched, by member, machine and server. */
const files = new Map<string, string>();

async function fileOf(member: ApiMember, on: Namespace, exit: LabExit): Promise<string> {
  const file = await deviceFile(member, await deviceOf(member, on), exit.name);
  files.set(`${member.name} ${on.name} ${exit.name}`, file);
  return file;
}

const clientOf = (client: WireguardClient): VpnClient => ({
  online: (timeoutMs) => client.online(timeoutMs),
  said: () => client.output,
  stop: () => client.stop(),
});

/** WireGuard, by the file that the site gives for wg-quick. */
const wireguard: VpnService = {
  name: "WireGuard",
  async start({ on, folder, exit, member }) {
    return clientOf(await WireguardClient.start(on, folder, await fileOf(member, on, exit)));
  },
  async startAgain({ on, folder, exit, member }) {
    const file = files.get(`${member.name} ${on.name} ${exit.name}`);
    if (file === undefined) throw new Error(`${member.name} has fetched no file for ${exit.name}`);
    return clientOf(await WireguardClient.start(on, folder, file));
  },
  engine: /wireguard-go -f lethe-wg0/,
  refusals: {},
  passwords: false,
};

export const wireguardCases = (scene: () => ServicesScene): void => {
  vpnServiceCases(wireguard, scene);

  describe("WireGuard's own", () => {
    test("a key that is nobody's gets no answer, and the same file with the device's own key does", async () => {
      const { world, oslo } = scene();
      const file = await fileOf(await scene().member("anna-wireguard.lab"), world.client, oslo);
      const { privateKey } = await makeKeys();
      const stranger = file.replace(/^PrivateKey = .*$/m, `PrivateKey = ${privateKey}`);
      const client = await WireguardClient.start(world.client, world.folder, stranger);
      try {
        await sleep(3000);
        assert.equal(await client.shookHands(), false);
        assert.equal(await seenAddress(world.client, "--max-time", "2"), undefined);
      } finally {
        await client.stop();
      }
      const own = await WireguardClient.start(world.client, world.folder, file);
      try {
        await own.online(); // control
      } finally {
        await own.stop();
      }
    });

    test("a device is on no server whose file its member has not fetched", async () => {
      const { world, berlin, oslo } = scene();
      const member = await scene().newMember("one-server.lab");
      const device = await addDevice(member);
      const file = await deviceFile(member, device, berlin.name);
      const there = await deviceFile(
        await scene().member("anna-wireguard.lab"),
        { ...device, id: await idOfAnna() },
        oslo.name,
      );
      const serverKey = /^PublicKey = (.*)$/m.exec(there)![1]!;
      const elsewhere = file
        .replace(/^PublicKey = .*$/m, `PublicKey = ${serverKey}`)
        .replaceAll(berlin.host, oslo.host);
      const client = await WireguardClient.start(world.client, world.folder, elsewhere);
      try {
        await sleep(3000);
        assert.equal(await client.shookHands(), false);
      } finally {
        await client.stop();
      }
      const own = await deviceFile(member, device, oslo.name);
      const addressIn = (text: string) => /^Address = .*$/m.exec(text)?.[0];
      assert.equal(addressIn(own), addressIn(file), "a device has the same address in the tunnel everywhere");
      const fetched = await WireguardClient.start(world.client, world.folder, elsewhere);
      try {
        await fetched.online(); // control: the same file, once it was fetched
        assert.equal(await seenAddress(world.client), oslo.v4);
      } finally {
        await fetched.stop();
      }
    });

    test("with another source than its own a device's packets come out nowhere", async () => {
      const { world, berlin } = scene();
      const member = await scene().member("anna-wireguard.lab");
      const file = await fileOf(member, world.client, berlin);
      const client = await WireguardClient.start(world.client, world.folder, file);
      try {
        await client.online();
        const own = /^Address = ([\d.]+)/m.exec(file)![1]!;
        await world.client.must(["ip", "address", "add", "10.100.9.9/32", "dev", client.device]);
        const look = async (source: string) => {
          const uplink = await startCapture(
            berlin.machine,
            "eth0",
            `host ${lab.internet.web4} and tcp port 80`,
          );
          try {
            const seen = await seenAddress(world.client, "--interface", source, "--max-time", "4");
            return { seen, uplink: await uplink.stop() };
          } finally {
            await uplink.stop();
          }
        };
        const right = await look(own);
        assert.ok(right.seen === berlin.v4 && right.uplink.length > 4, "control");
        assert.deepEqual(await look("10.100.9.9"), { seen: undefined, uplink: [] });
      } finally {
        await client.stop();
      }
    });

    test("a removed device is out at once, and its key nowhere in the engine", async (context) => {
      const { world, berlin } = scene();
      const member = await scene().newMember("removes.lab");
      const device = await addDevice(member);
      const client = await WireguardClient.start(
        world.client,
        world.folder,
        await deviceFile(member, device, berlin.name),
      );
      try {
        await client.online();
        assert.equal(await seenAddress(world.client), berlin.v4, "control");
        const peers = () => berlin.machine.must(["wg", "show", "lethe-wg0", "peers"]);
        assert.ok((await peers()).includes(device.publicKey), "control");
        const { status } = await member.ask("DELETE", `/api/v1/account/devices/${device.id}`);
        assert.equal(status, 204);
        const at = performance.now();
        await until(
          "it to be gone",
          GONE_WITHIN_MS * 10,
          async () => !(await peers()).includes(device.publicKey),
        );
        context.diagnostic(`gone after ${Math.round(performance.now() - at)} ms`);
        assert.equal(await seenAddress(world.client, "--max-time", "2"), undefined);
      } finally {
        await client.stop();
      }
    });
  });

  async function idOfAnna(): Promise<string> {
    return (await deviceOf(await scene().member("anna-wireguard.lab"), scene().world.client)).id;
  }
};
