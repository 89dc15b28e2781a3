import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { Datagrams } from "../datagrams.ts";
import { withoutOurFirewall } from "../firewall.ts";
import { InternetServer } from "../internet-server.ts";
import { Namespace, PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { fetchFrom, seenAddress } from "../probes.ts";
import { servicesConfig } from "../services-config.ts";
import type { ServicesScene } from "../services-scene.ts";
import { startIkev2 } from "./ikev2.ts";

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
    await vpn.online();
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
        for (const port of [10_000 + numberOf(bert.address), 40_000 + number]) {
          servers.push(await InternetServer.start(world.client, "web", String(port)));
          const own = await fetchFrom(world.client, `http://127.0.0.1:${port}/ip`);
          assert.equal(own, "127.0.0.1", "control: the device listens there");
        }
        const another = await from(10_000 + numberOf(bert.address), "--max-time", "4");
        assert.equal(another, undefined, "another member's does not lead to the device");
        assert.equal(await from(40_000 + number, "--max-time", "4"), undefined);
        // Port Fail: a member of the same exit reaches it past his own tunnel.
        const url = `http://${oslo.v4}:${10_000 + number}/ip`;
        const pastTheTunnel = await fetchFrom(world.client2, url, "--interface", "if!eth0");
        assert.match(pastTheTunnel ?? "", NOBODY);
        servers.push(await InternetServer.start(world.client, "web", "8000"));
        assert.equal(await from(8000, "--max-time", "4"), undefined, "no port of the formula");

        const device = await Datagrams.bind(world.client, "0.0.0.0", 10_000 + number);
        const caller = await Datagrams.bind(world.internet, lab.internet.web4, 40_001);
        sockets.push(device, caller);
        await until(
          "the datagram to come in",
          PATIENCE_MS,
          () => {
            caller.send(oslo.v4, 10_000 + number, "hello");
            return device.received.length > 0;
          },
          500,
        );
        const { from: caller4, port: callerPort, text } = device.received[0]!;
        assert.match(caller4, NOBODY);
        assert.equal(text, "hello");
        await until(
          "the answer",
          PATIENCE_MS,
          () => {
            device.send(caller4, callerPort, "and back");
            return caller.received.length > 0;
          },
          500,
        );
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
          await until("the operator's own service to answer", PATIENCE_MS, async () => {
            await from();
            return (await operators.seen()).web.length > 0;
          });
        } finally {
          operators.kill();
        }
        await until("the port to be the device's again", PATIENCE_MS, async () => {
          await device.forget();
          await from();
          return (await device.seen()).web.length > 0;
        });
      } finally {
        device.kill();
        await anna.vpn.stop();
      }
    });

    test("IKEv2: three ports lead to the device, TCP and UDP; none with the switch off, and its session goes on", async () => {
      const { world, berlin, oslo, office } = scene();
      const start = async (name: string, on: "client" | "client2") => {
        const member = await scene().member(name);
        const login = await scene().login(member);
        const client = await startIkev2({ on: world[on], folder: world.folder, exit: berlin, member, login });
        return { client, online: () => client.online() };
      };
      const { client, online } = await start("forward-ikev2.lab", "client");
      const servers: InternetServer[] = [];
      const sockets: Datagrams[] = [];
      const callFrom = async (port: number, to: number, text: string) => {
        const caller = await Datagrams.bind(world.internet, lab.internet.web4, port);
        sockets.push(caller);
        caller.send(berlin.v4, to, text);
        return caller;
      };
      try {
        await online();
        const number = numberOf(client.tunnelAddress());
        assert.ok(number >= 2048, "OpenVPN's devices have the numbers before that");
        const ports = [10_000, 20_000, 30_000].map((first) => first + number);
        const answers = () =>
          Promise.all(ports.map((port) => fetchFrom(world.internet, `http://${berlin.v4}:${port}/ip`)));
        for (const port of ports) servers.push(await InternetServer.start(world.client, "web", String(port)));
        assert.deepEqual(await answers(), ["10.66.128.1", "10.66.128.1", "10.66.128.1"]);
        const device = await Datagrams.bind(world.client, "0.0.0.0", ports[2]!);
        sockets.push(device);
        const caller = await callFrom(40_002, ports[2]!, "hello");
        await until("the datagram to come in", PATIENCE_MS, () => device.received.length > 0);
        const { from, port, text } = device.received[0]!;
        assert.deepEqual([from, text], ["10.66.128.1", "hello"]);
        device.send(from, port, "and back");
        await until("the answer", PATIENCE_MS, () => caller.received.length > 0);
        assert.deepEqual(caller.received[0], { from: berlin.v4, port: ports[2], text: "and back" });

        const openvpn = () => oslo.machine.pidsMatching(/^\S*openvpn --config /);
        const before = await openvpn();
        const off = servicesConfig.replace("port_forwarding = true", "port_forwarding = false");
        assert.notEqual(off, servicesConfig);
        writeFileSync(join(office.data, "lethe.toml"), off);
        // Ends once every service is well, IKEv2 with its member of before among them.
        await office.restart();
        await callFrom(40_003, ports[2]!, "anybody there?");
        assert.deepEqual(await answers(), [undefined, undefined, undefined]);
        assert.equal(device.received.length, 1);
        assert.equal(await seenAddress(world.client), berlin.v4, "the session goes on");
        // And whoever comes now gets an address that no port ever leads to.
        const later = await start("forward-ikev2.lab", "client2");
        try {
          await later.online();
          assert.equal(await seenAddress(world.client2), berlin.v4);
          assert.match(later.client.tunnelAddress(), /^10\.66\.144\./);
        } finally {
          await later.client.stop();
        }
        // OpenVPN has its networks in its configuration, and starts anew for it; a server that joined hears of it in a while.
        await until("the other server to have its networks whole again", PATIENCE_MS, async () => {
          const now = await openvpn();
          return now.length === before.length && !now.some((pid) => before.includes(pid));
        });
      } finally {
        for (const server of servers) server.kill();
        await Promise.all(sockets.map((socket) => socket.close()));
        await client.stop();
      }
    });
  });
}
