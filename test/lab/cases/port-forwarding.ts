import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { Datagrams } from "../datagrams.ts";
import { withoutOurFirewall } from "../firewall.ts";
import { InternetServer } from "../internet-server.ts";
import { Namespace, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { fetchFrom } from "../probes.ts";
import type { ServicesScene } from "../services-scene.ts";

/** The last 12 bits of an address inside the tunnel. */
const numberOf = (address: string): number => {
  const [, , c = 0, d = 0] = address.split(".").map(Number);
  return ((c & 15) << 8) | d;
};

/** What a device sees of every caller: the exit's address inside the tunnel. */
const NOBODY = /^10\.66\.\d{1,3}\.1$/;

/** Ports of the exit that lead to a member's device, by the formula alone; the services' lethe.toml turns them on. */
export function portForwardingCases(scene: () => ServicesScene): void {
  const online = async (name: string, on: "client" | "client2") => {
    const { world, oslo } = scene();
    const vpn = OpenVpnClient.start(
      world[on],
      world.folder,
      await (await scene().member(name)).vpn(oslo.name),
    );
    await vpn.online(30_000);
    return { vpn, address: await vpn.tunnelAddress(world[on]) };
  };

  describe("port forwarding", () => {
    test("three ports of the exit lead to each device, TCP and UDP; others' ports and other ports do not", async () => {
      const { world, oslo } = scene();
      const anna = await online("forward1.lab", "client");
      const bert = await online("forward2.lab", "client2");
      const number = numberOf(anna.address);
      const servers: InternetServer[] = [];
      const sockets: Datagrams[] = [];
      try {
        assert.notEqual(numberOf(bert.address), number);
        const from = (port: number, ...options: string[]) =>
          fetchFrom(world.internet, `http://${oslo.v4}:${port}/ip`, ...options);
        for (const first of [10_000, 20_000, 30_000]) {
          servers.push(await InternetServer.start(world.client, "web", String(first + number)));
          assert.match((await from(first + number)) ?? "", NOBODY, "the caller, as the device sees him");
        }
        assert.equal(await from(10_000 + numberOf(bert.address)), undefined, "nobody listens there");
        assert.equal(await from(40_000 + number), undefined);
        // Port Fail: a member of the same exit reaches it past his own tunnel.
        const url = `http://${oslo.v4}:${10_000 + number}/ip`;
        const pastTheTunnel = await fetchFrom(world.client2, url, "--interface", "if!eth0");
        assert.match(pastTheTunnel ?? "", NOBODY);
        servers.push(await InternetServer.start(world.client, "web", "8000"));
        assert.equal(await from(8000), undefined, "no port of the formula");

        const device = await Datagrams.bind(world.client, "0.0.0.0", 10_000 + number);
        const caller = await Datagrams.bind(world.internet, lab.internet.web4, 40_001);
        sockets.push(device, caller);
        caller.send(oslo.v4, 10_000 + number, "hello");
        await until("the datagram to come in", 5000, () => device.received.length > 0);
        const { from: caller4, port: callerPort, text } = device.received[0]!;
        assert.match(caller4, NOBODY);
        assert.equal(text, "hello");
        device.send(caller4, callerPort, "and back");
        await until("the answer", 5000, () => caller.received.length > 0);
        assert.deepEqual(caller.received[0], { from: oslo.v4, port: 10_000 + number, text: "and back" });

        // Another member gets nowhere through the tunnel: not to the device, and not to the exit's own address.
        const device2 = await bert.vpn.device(world.client2);
        const inside = (host: string) =>
          fetchFrom(world.client2, `http://${host}:${10_000 + number}/ip`, "--interface", `if!${device2}`);
        assert.equal(await inside(anna.address), undefined);
        assert.equal(await inside(oslo.v4), undefined);
        await withoutOurFirewall(oslo.machine, async () => {
          assert.equal(
            await from(10_000 + number),
            undefined,
            "control: without the firewall's map there is no way in",
          );
        });
        assert.match((await from(10_000 + number)) ?? "", NOBODY, "and with it again");
      } finally {
        for (const server of servers) server.kill();
        await Promise.all(sockets.map((socket) => socket.close()));
        await anna.vpn.stop();
        await bert.vpn.stop();
      }
    });

    test("a port on which the machine itself listens stays the machine's", async () => {
      const { world, oslo } = scene();
      const anna = await online("forward3.lab", "client");
      const port = 20_000 + numberOf(anna.address);
      const device = await InternetServer.start(world.client, "web", String(port));
      const from = () => fetchFrom(world.internet, `http://${oslo.v4}:${port}/ip`);
      try {
        assert.match((await from()) ?? "", NOBODY, "control: it leads to the device");
        await device.forget();
        const operators = await InternetServer.start(new Namespace(oslo.machine.name), "web", String(port));
        try {
          await until("the operator's own service to answer", 20_000, async () => {
            await from();
            return (await operators.seen()).web.length > 0;
          });
        } finally {
          operators.kill();
        }
        await until("the port to be the device's again", 20_000, async () => {
          await device.forget();
          await from();
          return (await device.seen()).web.length > 0;
        });
      } finally {
        device.kill();
        await anna.vpn.stop();
      }
    });
  });
}
