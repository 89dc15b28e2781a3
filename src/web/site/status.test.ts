import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SlotTraffic } from "../../fleet/server-news.ts";
import type { ServerStatus } from "../../fleet/status.ts";
import { FakeClock } from "../../lib/clock.ts";
import { openBench, Visitor } from "../testkit.ts";
import { bestServer } from "./best-server.ts";
import { columns, dayChart, stepPath } from "./day-chart.ts";

const server = (change: Partial<ServerStatus>): ServerStatus => ({
  server: "amsterdam1",
  host: "amsterdam1.example.net",
  city: "Amsterdam",
  country: "Netherlands",
  countryCode: "NL",
  latitude: 52.37,
  longitude: 4.9,
  addresses: [],
  bandwidthMbit: 1000,
  state: "up",
  slotEndsAt: 1_900_000_200,
  inPercent: 10,
  outPercent: 12,
  loadPercent: 12,
  services: [{ service: "openvpn", healthy: true, ports: [{ protocol: "udp", port: 1194 }] }],
  groups: [],
  draining: false,
  noNewsSince: 0,
  largeDownloads: true,
  ...change,
});

const emptyDay = (): SlotTraffic[] =>
  Array.from({ length: 288 }, (_, slot) => ({ slot, inPercent: undefined, outPercent: undefined }));

async function statusPage(
  servers: ServerStatus[],
  day: (server: string) => SlotTraffic[] = emptyDay,
): Promise<string> {
  const bench = await openBench(
    { status: { list: async () => servers, day, hours: async () => [] } },
    new FakeClock(),
  );
  const page = await (await new Visitor(bench.app).get("/status")).text();
  await bench.close();
  return page;
}

test("a server's place, bandwidth, traffic, load and services stand on the page", async () => {
  const page = await statusPage([server({})]);
  for (const text of [
    "Amsterdam",
    "Netherlands · 1,000 Mbit/s",
    "10 %",
    "about 100 Mbit/s",
    "UDP 1194",
    "As of <time",
  ]) {
    assert.ok(page.includes(text), text);
  }
  assert.ok(!page.includes("large downloads or P2P"));
});

test("under one percent is told as that, never as nothing", async () => {
  const page = await statusPage([server({ inPercent: 0, outPercent: 0, loadPercent: 0 })]);
  assert.ok(page.includes("<dd>under 1 % <small>under 10 Mbit/s</small></dd>"));
  assert.ok(!page.includes(">0 %"));
});

test("a small server is marked, a silent one says since when, a new one promises figures", async () => {
  const page = await statusPage([
    server({ server: "small1", bandwidthMbit: 40, largeDownloads: false }),
    server({ server: "silent1", state: "no-news", noNewsSince: Date.UTC(2030, 4, 1, 14, 5) / 1000 }),
    server({ server: "new1", state: "never", slotEndsAt: 0 }),
  ]);
  assert.ok(page.includes("not for large downloads or P2P"));
  assert.ok(page.includes(`no news since <time datetime="2030-05-01T14:05Z">1 May 2030 at 14:05 UTC</time>`));
  assert.ok(page.includes("no news yet"));
  assert.ok(page.includes("The first figures come when"));
});

test("a service that is not running says so, unless nothing is known at all", async () => {
  const services = [{ service: "http", healthy: false, ports: [{ protocol: "tcp" as const, port: 3128 }] }];
  assert.ok((await statusPage([server({ services })])).includes("not running at the moment"));
  assert.ok(!(await statusPage([server({ services, state: "never" })])).includes("not running"));
});

test("the best choice is up, fit for everything, and the least loaded", () => {
  const small = server({ server: "small1", largeDownloads: false, loadPercent: 1 });
  const busy = server({ server: "busy1", loadPercent: 70 });
  const calm = server({ server: "calm1", loadPercent: 20 });
  const silent = server({ server: "silent1", state: "no-news", loadPercent: 0 });
  const broken = server({ server: "broken1", loadPercent: 0, services: [] });
  assert.equal(bestServer([small, busy, calm, silent, broken]), calm);
  assert.equal(bestServer([small, silent]), small);
  assert.equal(bestServer([silent]), undefined);
});

test("thirty servers with a restless day make a page below 100 KB", async () => {
  const restless = (seed: number): SlotTraffic[] =>
    Array.from({ length: 288 }, (_, slot) => ({
      slot,
      inPercent: (slot * 37 + seed) % 100,
      outPercent: (slot * 53 + seed) % 100,
    }));
  const page = await statusPage(
    Array.from({ length: 30 }, (_, index) => server({ server: `city${index}` })),
    (name) => restless(Number(name.slice(4))),
  );
  assert.ok(Buffer.byteLength(page) < 100_000, String(Buffer.byteLength(page)));
});

test("a column is the busiest of its three slots, and unknown only where all three are", () => {
  const day = [1, 5, 2, undefined, 7, undefined, undefined, undefined, undefined].map((inPercent, slot) => ({
    slot,
    inPercent,
    outPercent: undefined,
  }));
  assert.deepEqual(columns(day, "inPercent"), [5, 7, undefined]);
});

test("the picture's path stays in its box, covers every known column, and leaves gaps where nothing is known", () => {
  assert.equal(stepPath([50, 50, undefined, 100, 0], 100, false), "M0 50h2M3 0h1V100h1");
  assert.equal(stepPath([50, 50, undefined, 100], 100, true), "M0 100V50h2V100M3 100V0h1V100");
  const day = fc.array(fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }), { maxLength: 96 });
  fc.assert(
    fc.property(day, fc.constantFrom(10, 25, 50, 100), (values, top) => {
      const path = stepPath(values, top, false);
      assert.match(path, /^(M\d+ \d+|V\d+|h\d+)*$/);
      const covered = [...path.matchAll(/h(\d+)/g)].reduce((sum, [, run]) => sum + Number(run), 0);
      assert.equal(covered, values.filter((value) => value !== undefined).length);
      for (const [, y] of path.matchAll(/(?:M\d+ |V)(\d+)/g)) assert.ok(Number(y) <= 100);
    }),
  );
});

test("the picture says in words what it shows", () => {
  const day = emptyDay();
  assert.match(dayChart(day).markup, /aria-label="No traffic figures of the last 24 hours are known\."/);
  day[5] = { slot: 5, inPercent: 7, outPercent: 0 };
  const { markup } = dayChart(day);
  assert.match(markup, /Highest in: 7 %, highest out: under 1 % of the bandwidth/);
  assert.match(markup, /scale: 0 to 10 %/);
  assert.ok(!markup.includes("style="));
});
