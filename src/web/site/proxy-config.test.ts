import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { saveServers } from "../../fleet/servers.ts";
import { FakeClock } from "../../lib/clock.ts";
import { type Bench, openBench, SERVERS } from "../testkit.ts";

/** Three servers that are alike in all but their load. */
const NAMES = ["amsterdam1", "amsterdam2", "amsterdam3"] as const;
const clock = new FakeClock();
let bench: Bench;
before(async () => {
  bench = await openBench({}, clock);
  const [like] = SERVERS;
  await saveServers(
    bench.store,
    NAMES.map((name) => ({ ...like!, name, host: `${name}.example.net` })),
  );
});
after(() => bench.close());

/** They say how busy they were, in percent, and that all their services work. */
async function busy(percents: readonly [number, number, number]): Promise<void> {
  clock.advance(300_000);
  const services = SERVERS[0]!.services.map(({ service }) => ({ service, healthy: true }));
  for (const [index, server] of NAMES.entries()) {
    const minute = Math.floor(clock.now() / 60_000);
    const slot = Math.floor(clock.now() / 300_000) - 1;
    const outPercent = percents[index]!;
    for (const news of [
      { kind: "totals" as const, protocol: 2 as const, server, slot, inPercent: 0, outPercent, services },
      { kind: "health" as const, protocol: 2 as const, server, minute, release: "", services },
    ])
      assert.ok((await bench.status.accept(news)).ok);
  }
  clock.advance(2000);
}

/** How often each server came first in twenty answers, all those named in them being all three. */
async function firsts(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let asked = 0; asked < 20; asked++) {
    const text = await (await bench.app.request("/proxy/recommended.pac")).text();
    const named = [...text.matchAll(/PROXY (amsterdam\d)\.example\.net:3128/g)].map(([, name]) => name!);
    assert.deepEqual([...new Set(named)].sort(), [...NAMES]);
    counts[named[0]!] = (counts[named[0]!] ?? 0) + 1;
  }
  return counts;
}

test("the file that picks by load never begins with a server at 95 %, whichever that is, and spreads over the others", async () => {
  for (const loads of [
    [95, 5, 8],
    [5, 95, 8],
    [5, 8, 95],
  ] as const) {
    await busy(loads);
    const counts = await firsts();
    const full = NAMES[loads.indexOf(95)]!;
    assert.equal(counts[full], undefined, `${full} at 95 %`);
    assert.equal(Object.keys(counts).length, 2, "of two that are alike each is drawn");
  }
});
