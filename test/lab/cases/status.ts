import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PATIENCE_MS, until } from "../namespace.ts";
import { fetchFrom } from "../probes.ts";
import { curlThrough } from "../proxy-client.ts";
import type { Scene } from "../scene.ts";
import { Transfer } from "../transfer.ts";

interface Traffic {
  timestamp: number;
  bandwidth_in: number;
  bandwidth_out: number;
  bandwidth_max: number;
}

/** A five-minute slot must end and its totals arrive. */
const SLOT_MS = 300_000;

async function trafficOf({ world, provider }: Scene): Promise<Traffic | undefined> {
  const body = await fetchFrom(world.client1, `${provider.siteAddress}/api/traffic.json`);
  return body === undefined ? undefined : Object.values(JSON.parse(body) as Record<string, Traffic>)[0];
}

/** 30 MB through the exit: 4 % of what the lab's bandwidth carries in a slot. */
async function makeTraffic(scene: Scene): Promise<void> {
  const { vpn } = await scene.member("anna.lab");
  const download = new Transfer(scene.world.client1, 30_000_000, 1 << 30, ...curlThrough("socks5", vpn));
  try {
    assert.equal(await download.ended(2 * PATIENCE_MS), 0, download.said);
  } finally {
    await download.stop();
  }
}

/** The first cases of a file: the control of the last, and the traffic that these shall see. */
export function firstStatusCases(scene: () => Scene): void {
  test("control: before anybody is online the status page shows no traffic", async () => {
    const traffic = await trafficOf(scene());
    assert.deepEqual([traffic?.bandwidth_in ?? 0, traffic?.bandwidth_out ?? 0], [0, 0]);
    await makeTraffic(scene());
  });
}

/** The last cases of a file: by then much has flowed, and the slot that holds it is nearly over. */
export function statusCases(scene: () => Scene): void {
  describe("the status page", () => {
    test("shows the traffic that flowed, to a visitor without an account and without JavaScript", async (context) => {
      const { world, provider } = scene();
      const look = async () => {
        const seen = await trafficOf(scene());
        return seen !== undefined && seen.bandwidth_in > 0 && seen.bandwidth_out > 0 && seen;
      };
      let traffic = await look();
      if (traffic === false) {
        await makeTraffic(scene());
        const waitMs = SLOT_MS - (Date.now() % SLOT_MS) + PATIENCE_MS;
        traffic = await until("traffic in a finished slot", waitMs, look);
      }
      context.diagnostic(JSON.stringify(traffic));
      assert.equal(traffic.bandwidth_max, 20_000);
      for (const rate of [traffic.bandwidth_in, traffic.bandwidth_out]) {
        assert.equal(rate % 200, 0, "whole per cents of the bandwidth");
      }
      const page = await fetchFrom(world.client1, `${provider.siteAddress}/status`);
      assert.ok(page !== undefined);
      for (const word of ["Labville", "Labland", "exit1", "not for large downloads"]) {
        assert.ok(page.toLowerCase().includes(word.toLowerCase()), word);
      }
      const shown = Math.round(
        (100 * Math.max(traffic.bandwidth_in, traffic.bandwidth_out)) / traffic.bandwidth_max,
      );
      assert.match(page, new RegExp(`\\b${shown}\\s*(&nbsp;|\\s)?%`), `the load, ${shown} %`);
    });
  });
}
