import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OpenVpnClient } from "../openvpn-client.ts";
import { seenAddress, seenAddressV6 } from "../probes.ts";
import type { ServicesScene } from "../services-scene.ts";
import { captureOthers } from "../vpn-service.ts";

const LISTENERS = [
  ["udp", 1194],
  ["udp", 443],
  ["tcp", 1194],
  ["tcp", 443],
] as const;

/** OpenVPN on each of its ports, UDP and TCP, asked over IPv4 and IPv6; 443 over TCP is stunnel's as well. */
export function openvpnPortCases(scene: () => ServicesScene): void {
  describe("OpenVPN's ports", () => {
    for (const [protocol, port] of LISTENERS)
      test(`${protocol} ${port}: online over IPv4 and over IPv6, with both inside, and nothing else on the uplink`, async () => {
        const { world, oslo, exits } = scene();
        // Over UDP a session counts for 5 s after its client has said goodbye: a member for each.
        const login = await (await scene().newMember(`port-${protocol}${port}.lab`)).vpn(oslo.name);
        for (const address of [oslo.v4, oslo.v6]) {
          const remote = `remote ${address} ${port} ${protocol}`;
          assert.match(
            login.profile,
            new RegExp(`^remote \\S+ ${port} ${protocol}`, "m"),
            "a member's file has it",
          );
          // Of the member's own file this one alone.
          const others = login.profile.split("\n").filter((line) => !line.startsWith("remote "));
          const profile = [remote, ...others].join("\n");
          const client = OpenVpnClient.start(world.client, world.folder, { ...login, profile });
          const service = `host ${address} and ${protocol} port ${port}`;
          const uplink = await captureOthers(world.client, service, exits);
          try {
            await client.online();
            assert.equal(await seenAddress(world.client), oslo.v4, remote);
            assert.equal(await seenAddressV6(world.client), oslo.v6, remote);
            assert.deepEqual(await uplink.stop(), []);
          } finally {
            await uplink.stop();
            await client.stop();
          }
          const control = await captureOthers(world.client, service, exits);
          await seenAddress(world.client);
          assert.notDeepEqual(await control.stop(), [], "control: without the tunnel they are seen");
        }
      });

    test("one process a port and protocol serves IPv4 and IPv6", async () => {
      const { berlin } = scene();
      const pids = await berlin.machine.pidsMatching(/^\S*openvpn --config \S+openvpn-\d+\.conf/);
      // And the one that hands on what is TLS.
      assert.equal(pids.length, LISTENERS.length + 1);
    });
  });
}
