import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { TEST_SUPERUSER } from "../../../src/store/test-cluster.ts";
import { lineIn } from "../fleet-exit.ts";
import type { FleetScene } from "../fleet-scene.ts";
import type { Machine } from "../machine.ts";
import { until } from "../namespace.ts";
import { OpenVpnClient, type VpnLogin } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { curlThrough } from "../proxy-client.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Waits of a reconnect, seconds after a short outage, and what a slow machine needs. */
const CAUGHT_UP_WITHIN_MS = 180_000;

/** One for each exit; those a day off join anew with it, the others are started again. */
const OFFSETS = [
  { offset: "+1h", offMs: HOUR_MS, joins: false },
  { offset: "-1h", offMs: -HOUR_MS, joins: false },
  { offset: "+1d", offMs: 24 * HOUR_MS, joins: true },
  { offset: "-1d", offMs: -24 * HOUR_MS, joins: true },
] as const;

/** Wall clocks that are wrong, of exits and of the office; what the processes there see is checked by asking one. */
export function clockCases(scene: () => FleetScene): void {
  const addressOf = (index: number) => scene().world.addressOf(scene().exits[index]!.machine);
  const getsIn = async (vpn: VpnLogin, index: number): Promise<boolean> =>
    (await seenAddress(scene().world.internet, ...curlThrough("socks5", vpn, addressOf(index)))) ===
    addressOf(index);
  const everywhere = async (vpn: VpnLogin): Promise<boolean> =>
    (await Promise.all(scene().exits.map((_, index) => getsIn(vpn, index)))).every(Boolean);
  const nowhere = async (vpn: VpnLogin): Promise<boolean> =>
    !(await Promise.all(scene().exits.map((_, index) => getsIn(vpn, index)))).some(Boolean);
  /** Of a process with an empty environment, as the engines have it. */
  const offBy = async (machine: Machine): Promise<number> =>
    Number(await machine.must(["env", "-i", process.execPath, "-p", "Date.now()"])) - Date.now();
  const assertOff = async (machine: Machine, offMs: number) => {
    const seenMs = await offBy(machine);
    assert.ok(Math.abs(seenMs - offMs) < 10_000, `control: the clock is ${seenMs} ms off`);
  };
  /** As if the time had been bought when it was due; a start of the office reads it. */
  const setPaidUntil = async (name: string, untilMs: number) => {
    const client = new Client({
      host: scene().office.postgres.folder,
      user: TEST_SUPERUSER,
      database: "lethe",
    });
    await client.connect();
    try {
      const { rowCount } = await client.query("update accounts set paid_until = $1 where name = $2", [
        Math.floor(untilMs / MINUTE_MS) * 60,
        name,
      ]);
      assert.equal(rowCount, 1);
    } finally {
      await client.end();
    }
  };
  const restartOffice = async (offset: string | undefined, offMs: number) => {
    const { office, world } = scene();
    await office.stop();
    world.office.setClock(offset);
    await office.launch();
    await assertOff(world.office, offMs);
  };
  const once = (client: OpenVpnClient) => {
    assert.equal(client.ended, false);
    assert.equal(
      client.output.filter((line) => /Initialization Sequence Completed/.test(line)).length,
      1,
      "the same session",
    );
  };
  const login = async (name: string) => {
    const member = await scene().member(name);
    return { member, vpn: await member.vpn(scene().exits[0]!.name) };
  };

  describe("a wrong clock", () => {
    test("exits an hour and a day ahead and behind: started and joined so, each lets in who has paid, and nobody else", async (context) => {
      const { world, office, exits } = scene();
      const [paid, soon, gone] = [
        await login("clock-paid.lab"),
        await login("clock-soon.lab"),
        await login("clock-gone.lab"),
      ];
      await until("the last of them everywhere", CAUGHT_UP_WITHIN_MS, () => everywhere(gone.vpn), 500);
      assert.ok((await everywhere(paid.vpn)) && (await everywhere(soon.vpn)), "control");
      // Time enough for the exits to hear of it as of one who has paid.
      const endsMs = Math.ceil((Date.now() + 25_000) / MINUTE_MS) * MINUTE_MS;
      await setPaidUntil("clock-soon.lab", endsMs);
      await Promise.all(exits.map(({ machine }) => machine.powerOff()));
      await office.stop();
      await office.launch();
      await office.mustCommand("account", "terminate", "clock-gone.lab");

      const sinceMinute = Math.floor(Date.now() / MINUTE_MS);
      const startedMs = performance.now();
      for (const [index, exit] of exits.entries()) {
        const { offset, offMs, joins } = OFFSETS[index]!;
        exit.machine.setClock(offset);
        await exit.machine.boot();
        await assertOff(exit.machine, offMs);
        if (!joins) {
          exit.startAgain();
          continue;
        }
        await exit.machine.run(["/opt/lethe-exit/start", "leave"], { timeoutMs: 60_000 });
        exit.output = "";
        exit.paste(lineIn(await office.mustCommand("server", "rotate", exit.name)));
        await exit.enrolled();
      }
      const shown = () => exits.map(({ name, output }) => `${name}: ${output.slice(-600)}`).join("\n");
      await until(
        `who has paid, everywhere\n${shown()}`,
        CAUGHT_UP_WITHIN_MS,
        () => everywhere(paid.vpn),
        250,
      );
      context.diagnostic(
        `all four in service ${Math.round(performance.now() - startedMs)} ms after the first boot`,
      );
      for (const { machine } of exits) {
        const pids = await machine.pidsMatching(/exit\.mjs keeper/);
        assert.ok(pids.length > 0);
      }
      assert.ok(await nowhere(gone.vpn), "ended by the operator: nowhere");

      // A session over OpenVPN at each, one after the other: the server's certificate is good to a client whose clock is right.
      for (const [index, exit] of exits.entries()) {
        const client = OpenVpnClient.start(world.client, world.folder, await paid.member.vpn(exit.name));
        try {
          await client.online();
          assert.equal(await seenAddress(world.client), addressOf(index), exit.name);
          if (index !== exits.length - 1) continue;
          // The last stays while the other's time ends.
          await sleep(Math.max(0, endsMs + 1500 - Date.now()));
          assert.ok(await nowhere(soon.vpn), "its time is over, whatever the exits' clocks say");
          assert.ok(await everywhere(paid.vpn));
          for (const pid of await exit.machine.pidsMatching(/exit\.mjs keeper/)) process.kill(pid, "SIGKILL");
          await until("logins after a crash", CAUGHT_UP_WITHIN_MS, () => getsIn(paid.vpn, index), 250);
          once(client);
          assert.equal(await seenAddress(world.client), addressOf(index));
        } finally {
          await client.stop();
        }
      }
      await until(
        "each exit's tests at the office, by the right time",
        2 * MINUTE_MS,
        async () => {
          const servers = await office.servers();
          const minute = Math.floor(Date.now() / MINUTE_MS);
          return exits.every(({ name }) => {
            const server = servers.find((each) => each.name === name)!;
            return (
              server.news === "up" &&
              server.testedMinute > sinceMinute &&
              server.testedMinute <= minute &&
              server.services.every(({ healthy }) => healthy)
            );
          });
        },
        500,
      );
    });

    for (const [words, offset, offMs] of [
      ["an hour ahead", "+1h", HOUR_MS],
      ["a day ahead", "+1d", 24 * HOUR_MS],
      ["an hour behind", "-1h", -HOUR_MS],
    ] as const) {
      test(`an office ${words}, then right: exits go on, only whose end lies between is judged wrongly, and only meanwhile`, async (context) => {
        const { world, exits } = scene();
        const name = (role: string) => `${role}${offset.replace("+", "p").replace("-", "m")}.lab`;
        const [paid, between] = [await login(name("steady")), await login(name("between"))];
        await until(
          "both everywhere",
          CAUGHT_UP_WITHIN_MS,
          async () => (await everywhere(paid.vpn)) && (await everywhere(between.vpn)),
        );
        const client = OpenVpnClient.start(world.client, world.folder, await paid.member.vpn(exits[0]!.name));
        try {
          await client.online();
          await setPaidUntil(name("between"), Date.now() + offMs / 2);
          for (const right of [false, true]) {
            await restartOffice(right ? undefined : offset, right ? 0 : offMs);
            const startedMs = performance.now();
            const since = await login(name(right ? "after" : "during"));
            await until("a change at every exit", CAUGHT_UP_WITHIN_MS, () => everywhere(since.vpn), 500);
            context.diagnostic(
              `${right ? "right again" : words}: a change everywhere after ${Math.round(performance.now() - startedMs)} ms`,
            );
            const isIn = offMs > 0 === right;
            assert.ok(await (isIn ? everywhere(between.vpn) : nowhere(between.vpn)), `in: ${isIn}`);
            assert.ok(await everywhere(paid.vpn), "nobody else is locked out");
            once(client);
            assert.equal(await seenAddress(world.client), addressOf(0));
          }
        } finally {
          await client.stop();
          if ((await offBy(world.office)) > MINUTE_MS) await restartOffice(undefined, 0);
        }
      });
    }
  });
}
