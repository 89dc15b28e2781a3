import assert from "node:assert/strict";
import { test } from "node:test";
import { fleet } from "../fleet-world.ts";
import type { Namespace } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { ports } from "../provider.ts";
import { clientAddresses, type ServicesScene } from "../services-scene.ts";

const SITE = `http://${fleet.office.v4}:${ports.site}`;
const SITE_6 = `http://[${fleet.office.v6}]:${ports.site}`;
const STUN_PORT = 3478;

/** A Binding request (RFC 8489), and the address in the answer, four bytes or sixteen. */
const STUN_CLIENT = `
  const { createSocket } = require("node:dgram");
  const [address, port] = process.argv.slice(1);
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes) => {
    const value = bytes.subarray(28, 24 + bytes.readUInt16BE(22));
    process.stdout.write(Buffer.from(value.map((byte, index) => byte ^ bytes[4 + index])).toString("hex"));
    process.exit();
  });
  const request = Buffer.from("000100002112a442b7e7a701bc34d686fa87dfae", "hex");
  setInterval(() => socket.send(request, Number(port), address), 300);
  setTimeout(() => process.exit(1), 30_000);`;

async function seenByStun(from: Namespace, server: string): Promise<string> {
  const { stdout } = await from.run([process.execPath, "-e", STUN_CLIENT, server, String(STUN_PORT)]);
  return stdout;
}
const hex4 = (address: string): string => Buffer.from(address.split(".").map(Number)).toString("hex");

async function checkip(from: Namespace): Promise<Record<string, unknown>> {
  const { stdout } = await from.run(["curl", "-s", "--max-time", "30", `${SITE}/checkip/json`]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** "Am I protected?" for a visitor without a server, and for members of either exit, the office's own machine included. */
export function checkCases(scene: () => ServicesScene): void {
  test("a visitor without a server is told his own address, by the site and by STUN", async () => {
    const { client } = scene().world;
    const own = clientAddresses.client.v4;
    const { VPN, IP } = await checkip(client);
    assert.deepEqual([VPN, IP], [false, own]);
    assert.equal(await seenByStun(client, fleet.office.v4), hex4(own));
  });

  test("a member is told the exit's name and place, also where the exit is the office's own machine", async () => {
    const { world, exits } = scene();
    const member = await scene().member("check.lab");
    for (const exit of exits) {
      const vpn = OpenVpnClient.start(world.client, world.folder, await member.vpn(exit.name));
      try {
        await vpn.online();
        const { VPN, IP, DNS } = await checkip(world.client);
        assert.deepEqual([VPN, IP, DNS], [true, exit.v4, exit.host], exit.name);
      } finally {
        await vpn.stop();
      }
    }
  });

  test("a VPN that carries IPv4 alone is told Yes by IPv4 and no more, and the script's question by IPv6 shows the address past it; control: our file carries both", async () => {
    const { world, oslo } = scene();
    const member = await scene().member("check.lab");
    const vpn = await member.vpn(oslo.name);
    const half = vpn.profile.replace("redirect-gateway def1 ipv6", "redirect-gateway def1");
    assert.notEqual(half, vpn.profile);
    const without = ["ifconfig-ipv6", "route-ipv6", "tun-ipv6"].flatMap((option) => [
      ...["--pull-filter", "ignore", option],
    ]);
    const look = async (profile: string, ...options: string[]) => {
      const client = OpenVpnClient.start(world.client, world.folder, { ...vpn, profile }, ...options);
      try {
        await client.online();
        const get = (origin: string, path: string) =>
          world.client.must(["curl", "-sS", "--max-time", "30", `${origin}${path}`]);
        const by4 = JSON.parse(await get(SITE, "/check/address")) as { address: string };
        const by6 = JSON.parse(await get(SITE_6, "/check/address")) as { address: string };
        return { by4, by6, page: await get(SITE, "/check") };
      } finally {
        await client.stop();
      }
    };
    const ours = `Oslo, Norway (${oslo.name})`;
    const bare = await look(half, ...without);
    assert.deepEqual(
      [bare.by4, bare.by6],
      [{ address: oslo.v4, ours }, { address: clientAddresses.client.v6 }],
    );
    const said = bare.page.replaceAll(/<template[^>]*>.*?<\/template>/gs, "");
    assert.match(said, /<strong>Yes, by IPv4:<\/strong>.*By IPv6 this page cannot test it/);
    assert.doesNotMatch(said, /<strong>Yes:/);
    const whole = await look(vpn.profile);
    assert.deepEqual(
      [whole.by4, whole.by6],
      [
        { address: oslo.v4, ours },
        { address: oslo.v6, ours },
      ],
      "control",
    );
  });

  test("STUN asked through a tunnel shows the exit's address and not the member's", async () => {
    const { world, exits } = scene();
    const member = await scene().member("check.lab");
    for (const exit of exits) {
      const vpn = OpenVpnClient.start(world.client, world.folder, await member.vpn(exit.name));
      try {
        await vpn.online();
        // By IPv4: the client got to its exit by IPv6, and has a route past the tunnel to that address alone.
        assert.equal(await seenByStun(world.client, fleet.office.v4), hex4(exit.v4), exit.name);
      } finally {
        await vpn.stop();
      }
    }
  });
}
