import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allGroups, bestServer, recommended, spread } from "./recommend.ts";
import type { ServerStatus } from "./server-status.ts";

const server = (name: string, change: Partial<ServerStatus> = {}): ServerStatus => ({
  server: name,
  host: `${name}.example.net`,
  city: "London",
  country: "United Kingdom",
  countryCode: "GB",
  latitude: 51.5,
  longitude: -0.1,
  addresses: [],
  groups: [],
  bandwidthMbit: 1000,
  draining: false,
  state: "up",
  noNewsSince: 0,
  slotEndsAt: 1_900_000_200,
  inPercent: 10,
  outPercent: 10,
  loadPercent: 10,
  services: [{ service: "openvpn", healthy: true, ports: [{ protocol: "udp", port: 1194 }] }],
  largeDownloads: true,
  ...change,
});
const failing = [{ service: "http", healthy: false, ports: [] }];

test("the best is up, takes logins, works in all its services, is fit for everything, and has the lowest load", () => {
  const ok = server("ok1", { loadPercent: 30 });
  const all = [
    ok,
    server("busy1", { loadPercent: 80 }),
    server("small1", { loadPercent: 1, largeDownloads: false }),
    server("draining1", { loadPercent: 0, draining: true }),
    server("silent1", { loadPercent: 0, state: "no-news" }),
    server("broken1", { loadPercent: 0, services: failing }),
    server("half1", { loadPercent: 0, services: [...ok.services, ...failing] }),
    server("new1", { loadPercent: 0, slotEndsAt: 0 }),
  ];
  assert.equal(bestServer(all), ok);
  assert.deepEqual(
    recommended(all).map((each) => each.server),
    ["ok1", "busy1", "new1", "small1", "half1"],
  );
  assert.deepEqual(recommended(all, { service: "http" }), []);
  assert.deepEqual(recommended(all, { countryCode: "fr" }), []);
});

test("who asks at one time is spread over servers that are about as free, in proportion to their room", () => {
  const best = recommended([
    server("large1", { loadPercent: 5, bandwidthMbit: 10_000 }),
    server("small1", { loadPercent: 2, bandwidthMbit: 1000 }),
    server("busy1", { loadPercent: 60, bandwidthMbit: 10_000 }),
  ]);
  const first = new Map<string, number>();
  for (let draw = 0; draw < 1000; draw++) {
    const [chosen] = spread(best, 3, draw / 1000);
    first.set(chosen!.server, (first.get(chosen!.server) ?? 0) + 1);
  }
  assert.deepEqual([...first.keys()].sort(), ["large1", "small1"]);
  assert.ok(first.get("large1")! > 850 && first.get("small1")! > 50);
  assert.deepEqual(spread([], 3, 0.5), []);
});

test("whatever is drawn, none is named twice and none is made up", () => {
  const servers = fc.uniqueArray(
    fc.record({
      name: fc.nat(50),
      loadPercent: fc.nat(100),
      bandwidthMbit: fc.integer({ min: 1, max: 20_000 }),
    }),
    { selector: ({ name }) => name },
  );
  fc.assert(
    fc.property(
      servers,
      fc.nat(5),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      (some, count, random) => {
        const best = recommended(some.map(({ name, ...rest }) => server(`s${name}`, rest)));
        const picked = spread(best, count, random);
        assert.equal(picked.length, Math.min(count, best.length));
        assert.equal(new Set(picked).size, picked.length);
        assert.ok(picked.every((each) => best.includes(each)));
      },
    ),
  );
});

test("a group is a city's servers, or the operator's", () => {
  const groups = allGroups([
    server("oslo1", { groups: ["north"] }),
    server("london2"),
    server("london10", { groups: ["north", "london"] }),
    server("lonely"),
  ]);
  assert.deepEqual(
    [...groups].map(([group, members]) => [group, members.map((each) => each.server)]),
    [
      ["london", ["london2", "london10"]],
      ["north", ["oslo1", "london10"]],
      ["oslo", ["oslo1"]],
    ],
  );
});
