import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FORWARDED_PORTS } from "../../../src/exit/firewall/port-forwarding.ts";
import { lab } from "../addresses.ts";
import { startCapture } from "../capture.ts";
import { Datagrams } from "../datagrams.ts";
import { withoutOurFirewall } from "../firewall.ts";
import { PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import type { ServicesScene } from "../services-scene.ts";

/** Where the victim is, and the port that his client uses: somebody whose address the attacker knows. */
const VICTIM = { address: lab.internet.web4, port: 40_077 };
/** Every port on which an exit may answer somebody: the services, IKE, other exits' ports. */
const SERVICE_PORTS = [
  1194, 443, 51_820, 500, 4500, 2222, 1080, 1081, 3128, 8443, 8444, 52_001, 53_001, 53_002,
];

/**
 * CVE-2021-3773: a member who sends to a victim with the port of a service as his own source port would get, from a server
 * that keeps source ports, what the victim sends to that service afterwards.
 */
export function portShadowingCases(scene: () => ServicesScene): void {
  /** Whether the attacker gets what the victim sends to `port` of the exit. He tries for so long. */
  const redirects = async (port: number, forMs = 0): Promise<boolean> => {
    const { world, oslo } = scene();
    const attacker = await Datagrams.bind(world.client2, "0.0.0.0", port);
    const victim = await Datagrams.bind(world.internet, VICTIM.address, VICTIM.port);
    try {
      const got = () => attacker.received.some(({ text }) => text === "for the service alone");
      const end = performance.now() + forMs;
      do {
        for (let knock = 0; knock < 3; knock++) {
          attacker.send(VICTIM.address, VICTIM.port, "knock");
          await sleep(50);
        }
        for (let word = 0; word < 4 && !got(); word++) {
          victim.send(oslo.v4, port, "for the service alone");
          await sleep(50);
        }
      } while (!got() && performance.now() < end);
      return got();
    } finally {
      await attacker.close();
      await victim.close();
    }
  };

  describe("port shadowing", () => {
    test("a member gets nothing that is meant for a service, whatever port he sends from", async () => {
      const { world, oslo } = scene();
      const login = await (await scene().member("mallory.lab")).vpn(oslo.name);
      const vpn = OpenVpnClient.start(world.client2, world.folder, login);
      try {
        await vpn.online();
        for (const port of SERVICE_PORTS) assert.ok(!(await redirects(port)), `port ${port}`);
        await withoutOurFirewall(oslo.machine, async () => {
          // A port of its own: what was tried above may stand in the kernel's table for a while.
          assert.ok(
            await redirects(1195, PATIENCE_MS),
            "control: a server that keeps source ports hands it over",
          );
        });
      } finally {
        await vpn.stop();
      }
    });

    test("no port is drawn on which the exit answers anybody, over many connections", async (context) => {
      const { world, oslo } = scene();
      const login = await (await scene().member("mallory.lab")).vpn(oslo.name);
      const vpn = OpenVpnClient.start(world.client2, world.folder, login);
      const filter = `udp and src host ${oslo.v4} and dst host ${VICTIM.address} and dst port 9`;
      const capture = await startCapture(world.internet, "exit1", filter);
      try {
        await vpn.online();
        const many = 400;
        await world.client2.run([
          process.execPath,
          "-e",
          `const { createSocket } = require("node:dgram");
           const sockets = Array.from({ length: ${many} }, () => createSocket("udp4"));
           (async () => {
             for (const socket of sockets) {
               await new Promise((done) => socket.send("x", 9, "${VICTIM.address}", done));
               await new Promise((done) => setTimeout(done, 2));
             }
             for (const socket of sockets) socket.close();
           })();`,
        ]);
        await until("the datagrams to come", PATIENCE_MS, () => capture.packets().length > many * 0.9);
        const ports = capture.packets().map((line) => Number(/\.(\d+) > /.exec(line)?.[1]));
        assert.ok(new Set(ports).size > many / 2, "control: they are many");
        // What was drawn shows from where to where is drawn: of so few alone hardly one would hit a service's.
        const [first, last] = [Math.min(...ports), Math.max(...ports)];
        context.diagnostic(`drawn from ${first} to ${last}`);
        assert.ok(first >= 1024 && last - first > 5000, `drawn, not kept: from ${first} to ${last}`);
        const taken = [...SERVICE_PORTS, ...FORWARDED_PORTS].filter((port) => port >= first && port <= last);
        assert.deepEqual(taken, [], `drawn from ${first} to ${last}`);
      } finally {
        await capture.stop();
        await vpn.stop();
      }
    });
  });
}
