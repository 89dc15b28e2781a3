import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lab } from "../addresses.ts";
import { startCapture } from "../capture.ts";
import { withoutOurFirewall } from "../firewall.ts";
import { PATIENCE_MS, signalIfAlive, until } from "../namespace.ts";
import { OpenVpnClient, over } from "../openvpn-client.ts";
import { fetchFrom, seenAddress } from "../probes.ts";
import type { Scene } from "../scene.ts";
import { Transfer } from "../transfer.ts";

/** Ten times over, for a machine that others use as well; what it took is printed. */
const BACK_WITHIN_MS = 3000;

/** What the uplink shows while openvpn dies under traffic. */
export function killedCases(scene: () => Scene): void {
  describe("openvpn killed while members' traffic runs", () => {
    /** Lines of the capture on the uplink that bear the client's tunnel address, while `meanwhile` runs. */
    const seenOnUplink = async (meanwhile: (client: OpenVpnClient) => Promise<void>): Promise<string[]> => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      const client = OpenVpnClient.start(world.client1, world.folder, vpn, ...over("udp"));
      try {
        await client.online();
        const address = await client.tunnelAddress(world.client1);
        const capture = await startCapture(world.exit, "eth0", `host ${address}`);
        const down = new Transfer(world.client1, 1 << 30, 4_000_000);
        try {
          await until("bytes", PATIENCE_MS, () => down.bytes > 500_000);
          assert.deepEqual(capture.packets(), [], "before anything is done");
          await meanwhile(client);
        } finally {
          await down.stop();
          await capture.stop();
        }
        return capture.packets();
      } finally {
        await client.stop("SIGKILL");
      }
    };

    const killEngines = async () => {
      const pids = await scene().provider.engines();
      assert.ok(pids.length >= 2, "an openvpn for UDP and one for TCP");
      for (const pid of pids) signalIfAlive(pid, "SIGKILL");
      return pids;
    };

    test("no packet with a tunnel address is on the uplink, and the service is back in 3 s", async (context) => {
      const { world, provider } = scene();
      let backAfterMs = Number.NaN;
      const packets = await seenOnUplink(async () => {
        const killedAt = performance.now();
        const dead = await killEngines();
        await until("openvpn to be back", PATIENCE_MS, async () => {
          const now = await provider.engines();
          return (
            now.length >= dead.length && !now.some((pid) => dead.includes(pid)) && (await provider.ready())
          );
        });
        backAfterMs = performance.now() - killedAt;
        await sleep(1500); // what the internet sends again to the dead connection comes now
      });
      context.diagnostic(`back after ${Math.round(backAfterMs)} ms`);
      assert.deepEqual(packets, []);
      assert.ok(backAfterMs <= BACK_WITHIN_MS * 10, `${backAfterMs} ms`);
      const { vpn } = await scene().member("anna.lab");
      const client = OpenVpnClient.start(world.client1, world.folder, vpn);
      try {
        await client.online();
        assert.equal(await seenAddress(world.client1), lab.exit.v4);
      } finally {
        await client.stop();
      }
    });

    test("control: with our table removed the same capture sees tunnel addresses", async () => {
      const { world } = scene();
      const packets = await seenOnUplink(() =>
        withoutOurFirewall(
          world.exit,
          async () => {
            await fetchFrom(
              world.client1,
              `http://${lab.internet.web4}/ip`,
              "--interface",
              "tun0",
              "--max-time",
              "2",
            );
            await killEngines();
            await sleep(1500);
          },
          false,
        ),
      );
      assert.notDeepEqual(packets, []);
      await until("openvpn to be back", PATIENCE_MS, () => scene().provider.ready());
    });
  });
}
