import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FleetScene } from "../fleet-scene.ts";
import { PATIENCE_MS, until } from "../namespace.ts";
import { DEVICELESS, OpenVpnClient, type VpnLogin } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { curlThrough } from "../proxy-client.ts";

const LONG = process.env.LETHE_LAB_LONG === "1";
/** Waits of a reconnect, seconds after a short outage, and what a slow machine needs. */
const CAUGHT_UP_WITHIN_MS = 180_000;
/** Ten times over, for a machine that others use as well; what it took is printed. */
const CHANGED_WITHIN_MS = 10_000;

/** One link cut, then one that loses packets and is slow. */
export function cutLinkCases(scene: () => FleetScene): void {
  const getsIn = async (vpn: VpnLogin, index: number): Promise<boolean> => {
    const { world, exits } = scene();
    const address = world.addressOf(exits[index]!.machine);
    return (await seenAddress(world.internet, ...curlThrough("socks5", vpn, address))) === address;
  };

  describe("a link between an exit and its office", () => {
    test("cut: its members stay, known ones log in, others go on; whole again, it has what it missed", async (context) => {
      const { world, office, exits } = scene();
      const [cut, other] = [0, 1];
      const [stays, leaves] = [await scene().member("stays.lab"), await scene().member("leaves.lab")];
      const [staysVpn, oldVpn] = [await stays.vpn(exits[cut]!.name), await leaves.vpn(exits[cut]!.name)];
      await until("both members at the exit", PATIENCE_MS, async () =>
        (await Promise.all([getsIn(staysVpn, cut), getsIn(oldVpn, cut)])).every(Boolean),
      );
      const client = OpenVpnClient.start(world.client, world.folder, staysVpn);
      const leaver = OpenVpnClient.start(world.internet, world.folder, oldVpn, ...DEVICELESS);
      try {
        await Promise.all([client.online(), leaver.online()]);
        await world.cut(exits[cut]!.machine, world.office);
        const late = await scene().member("late.lab");
        const lateVpn = await late.vpn(exits[other]!.name);
        const renewed = await leaves.ask("POST", "/api/v1/account/credentials/renew");
        assert.equal(renewed.status, 200, renewed.text);
        const newVpn = await leaves.vpn(exits[other]!.name);
        await until("the other exits to have it", PATIENCE_MS, async () => getsIn(lateVpn, other));
        await until(
          "the old credentials to end there",
          PATIENCE_MS,
          async () => !(await getsIn(oldVpn, other)),
        );

        assert.equal(await getsIn(staysVpn, cut), true, "who was known logs in");
        assert.equal(await getsIn(lateVpn, cut), false, "who came later is not known");
        assert.equal(
          await getsIn(oldVpn, cut),
          true,
          "renewed credentials are good there: the threat model says so",
        );
        assert.equal(leaver.ended, false);
        assert.equal(await seenAddress(world.client), world.addressOf(exits[cut]!.machine));

        await world.heal(exits[cut]!.machine, world.office);
        const healed = performance.now();
        await until(
          () => `what it missed\n${office.output.slice(-500)}\n${exits[cut]!.output.slice(-500)}`,
          CAUGHT_UP_WITHIN_MS,
          async () =>
            (await getsIn(lateVpn, cut)) && (await getsIn(newVpn, cut)) && !(await getsIn(oldVpn, cut)),
        );
        context.diagnostic(
          `caught up ${Math.round(performance.now() - healed)} ms after the link was whole again`,
        );
        assert.notEqual(
          await leaver.exitCode(PATIENCE_MS),
          undefined,
          "the session of the old credentials has ended",
        );
        assert.equal(
          client.output.filter((line) => /Initialization Sequence Completed/.test(line)).length,
          1,
        );
        assert.equal(await seenAddress(world.client), world.addressOf(exits[cut]!.machine));
      } finally {
        await world.heal(exits[cut]!.machine, world.office);
        await Promise.all([client.stop(), leaver.stop()]);
      }
    });

    test("losing 5 % of the packets: a change is at the exit within 10 s all the same", async (context) => {
      const { world, exits } = scene();
      const { machine, name } = exits[2]!;
      await world.lossy(machine, world.office, 5);
      try {
        const vpn = await (await scene().member("lossy.lab")).vpn(name);
        const startedMs = performance.now();
        await until("the change", CHANGED_WITHIN_MS * 10, () => getsIn(vpn, 2));
        context.diagnostic(`after ${Math.round(performance.now() - startedMs)} ms`);
      } finally {
        await world.heal(machine, world.office);
      }
    });

    // With the reconnect's jitter it takes half a minute: in `npm run test:lab:long`.
    if (LONG)
      test("200 ms each way: the exit's processes start anew over it, and have a change then", async (context) => {
        const { world, exits } = scene();
        const { machine, name } = exits[3]!;
        await world.slow(machine, world.office, 4222, 200);
        try {
          for (const pid of await machine.pidsMatching(/exit\.mjs keeper/)) process.kill(pid, "SIGKILL");
          const vpn = await (await scene().member("slow.lab")).vpn(name);
          const startedMs = performance.now();
          await until("the change", CAUGHT_UP_WITHIN_MS, () => getsIn(vpn, 3));
          context.diagnostic(
            `after ${Math.round(performance.now() - startedMs)} ms, the reconnect's jitter among them`,
          );
        } finally {
          await world.fast(machine, world.office, 4222);
        }
      });
  });
}
