import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../lib/clock.ts";
import type { Totals } from "../link/reports.ts";
import { sweep } from "../store/inventory.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { SLOTS_A_DAY } from "./server-news.ts";
import { loadPercent } from "./server-status.ts";
import { listServers, offersOf, type Server, saveServers } from "./servers.ts";
import { Status } from "./status.ts";

const london: Server = {
  name: "london1",
  host: "london1.example.net",
  city: "London",
  country: "United Kingdom",
  countryCode: "GB",
  latitude: 51.5,
  longitude: -0.12,
  bandwidthMbit: 1000,
  addresses: ["192.0.2.1", "2001:db8::1"],
  services: [
    { service: "openvpn", ports: [{ protocol: "udp", port: 1194 }] },
    { service: "socks5", ports: [{ protocol: "tcp", port: 1080 }] },
  ],
  groups: [],
  draining: false,
};

async function newFleet(kind: StoreKind, servers: Server[] = [london]) {
  const { store, openAgain } = await openTestStore(kind);
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  await saveServers(store, servers);
  return { openAgain, store, clock, status: new Status({ store, clock }) };
}

/** The last slot that has ended. */
const lastSlot = (clock: FakeClock) => Math.floor(clock.now() / 300_000) - 1;
const totals = (slot: number, inPercent = 3, outPercent = 4, rest: Partial<Totals> = {}): Totals => ({
  kind: "totals",
  protocol: 2,
  server: "london1",
  slot,
  inPercent,
  outPercent,
  services: [
    { service: "openvpn", healthy: true },
    { service: "socks5", healthy: false },
  ],
  ...rest,
});

onEachStore("a server that never said anything is shown as such, with 288 empty slots", async (kind) => {
  const { store, status, clock } = await newFleet(kind);
  const [server] = await status.list();
  const { services, ...rest } = server!;
  const { name, services: _, ...place } = london;
  const day = status.day(name);
  assert.deepEqual(rest, {
    server: name,
    ...place,
    draining: false,
    state: "never",
    noNewsSince: 0,
    slotEndsAt: 0,
    inPercent: 0,
    outPercent: 0,
    loadPercent: 0,
    largeDownloads: true,
  });
  assert.equal(day.length, SLOTS_A_DAY);
  assert.equal(day.at(-1)?.slot, lastSlot(clock));
  assert.ok(day.every(({ inPercent, outPercent }) => inPercent === undefined && outPercent === undefined));
  assert.deepEqual(
    services.map(({ healthy }) => healthy),
    [false, false],
  );
  await store.close();
});

onEachStore("news is shown at once, and survives a restart", async (kind) => {
  const { openAgain, store, clock, status } = await newFleet(kind);
  await status.list();
  assert.deepEqual(await status.accept(totals(lastSlot(clock))), { ok: true, value: "new" });
  const check = async (from: Status) => {
    const [server] = await from.list();
    assert.equal(server?.state, "up");
    assert.equal(server?.slotEndsAt, clock.now() / 1000);
    assert.deepEqual([server?.inPercent, server?.outPercent, server?.loadPercent], [3, 4, 4]);
    assert.deepEqual(server?.services, [
      { ...london.services[0], healthy: true },
      { ...london.services[1], healthy: false },
    ]);
    assert.deepEqual(from.day("london1").at(-1), { slot: lastSlot(clock), inPercent: 3, outPercent: 4 });
    assert.equal(from.day("london1").at(-2)?.inPercent, undefined);
  };
  await check(status);
  await store.close();
  const again = await openAgain();
  await saveServers(again, [london]);
  await check(new Status({ store: again, clock }));
  await again.close();
});

onEachStore(
  "without news for more than eleven minutes a server counts as silent, its services as down",
  async (kind) => {
    const { store, clock, status } = await newFleet(kind);
    await status.accept(totals(lastSlot(clock)));
    clock.advance(11 * 60_000);
    assert.equal((await status.list())[0]?.state, "up");
    clock.advance(2000);
    const [silent] = await status.list();
    assert.equal(silent?.state, "no-news");
    assert.ok(silent?.services.every(({ healthy }) => !healthy));
    await status.accept(totals(lastSlot(clock)));
    assert.equal((await status.list())[0]?.state, "up");
    clock.advance(25 * 3_600_000);
    assert.equal((await status.list())[0]?.state, "never");
    await store.close();
  },
);

onEachStore("news of an unknown server, of the future, and older than a day is refused", async (kind) => {
  const { store, clock, status } = await newFleet(kind);
  const last = lastSlot(clock);
  const refused = async (news: Totals) => {
    const outcome = await status.accept(news);
    return outcome.ok ? outcome.value : outcome.error;
  };
  assert.equal(await refused(totals(last, 1, 1, { server: "nowhere" })), "unknown-server");
  assert.equal(await refused(totals(last + 1)), "future");
  assert.equal(await refused(totals(Number.MAX_SAFE_INTEGER)), "future");
  assert.equal(await refused(totals(last - 288)), "too-old");
  assert.equal(await refused(totals(0)), "too-old");
  assert.equal(await refused(totals(last - 5)), "new");
  assert.equal(await refused(totals(last, 7, 7)), "new");
  // Two offices may hear of two slots in either order: one that is missing is filled in.
  assert.equal(await refused(totals(last - 1)), "new");
  assert.equal((await status.list())[0]?.inPercent, 7);
  // The same again, or somebody's other version of it: what came first stands.
  assert.equal(await refused(totals(last, 7, 7)), "replay");
  assert.equal(await refused(totals(last, 90, 90)), "replay");
  assert.equal((await status.list())[0]?.inPercent, 7);
  // An exit whose clock is a little ahead is heard.
  clock.advance(5 * 60_000 - 59_000);
  assert.equal(await refused(totals(last + 1)), "new");
  await store.close();
});

onEachStore(
  "slots are kept a day, hours thirty days; an hour is the average of its slots, rounded down",
  async (kind) => {
    const { store, clock, status } = await newFleet(kind);
    const startHour = Math.floor(clock.now() / 3_600_000);
    for (let i = 0; i < 24; i++) {
      clock.advance(300_000);
      await status.accept(totals(lastSlot(clock), i % 12, i < 12 ? 1 : 0));
    }
    const hours = [
      { hour: startHour, inPercent: 5, outPercent: 1 },
      { hour: startHour + 1, inPercent: 5, outPercent: 0 },
    ];
    assert.deepEqual(await status.hours("london1"), hours);
    clock.advance(86_400_000);
    await sweep(store, clock);
    const slots = await store.db.selectFrom("traffic_slots").selectAll().execute();
    assert.ok(slots.length <= 1);
    assert.deepEqual(await status.hours("london1"), hours);
    clock.advance(30 * 86_400_000);
    await sweep(store, clock);
    assert.deepEqual(await store.db.selectFrom("traffic_hours").selectAll().execute(), []);
    await store.close();
  },
);

onEachStore(
  "whatever arrives, the day has its 288 slots in order and nothing from outside it",
  async (kind) => {
    const { store, clock, status } = await newFleet(kind);
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            back: fc.integer({ min: -3, max: 400 }),
            percent: fc.nat(150),
            passMs: fc.nat(1_000_000),
          }),
          {
            maxLength: 12,
          },
        ),
        async (news) => {
          for (const { back, percent, passMs } of news) {
            clock.advance(passMs);
            await status.accept(totals(lastSlot(clock) - back, percent, 0));
          }
          clock.advance(2000);
          const [server] = await status.list();
          const last = lastSlot(clock);
          assert.deepEqual(
            status.day("london1").map(({ slot }) => slot),
            Array.from({ length: 288 }, (_, index) => last - 287 + index),
          );
          if (server?.state === "up") assert.ok(clock.now() / 1000 - server.slotEndsAt <= 660);
          assert.ok(server!.loadPercent >= 0 && server!.loadPercent <= 100);
        },
      ),
      { numRuns: 20 },
    );
    await store.close();
  },
);

test("load is the greater direction's share of the bandwidth, a hundred at most", () => {
  // The example of the interface that clients know: 12000 in, 15000 out of 1000000.
  assert.equal(loadPercent(1, 2), 2);
  assert.equal(loadPercent(0, 0), 0);
  assert.equal(loadPercent(100, 40), 100);
  assert.equal(loadPercent(30, 250), 100);
});

onEachStore("servers are what was saved last; one that is left out goes with its traffic", async (kind) => {
  const small: Server = { ...london, name: "oslo1", bandwidthMbit: 49.9, services: [] };
  const { store, clock, status } = await newFleet(kind, [small, london]);
  assert.deepEqual(await listServers(store), [london, small]);
  assert.deepEqual(
    (await status.list()).map(({ largeDownloads }) => largeDownloads),
    [true, false],
  );
  await status.accept(totals(lastSlot(clock)));
  await saveServers(store, [{ ...small, bandwidthMbit: 50 }]);
  assert.deepEqual(await listServers(store), [{ ...small, bandwidthMbit: 50 }]);
  for (const table of ["traffic_slots", "traffic_hours", "server_services"] as const)
    assert.deepEqual(await store.db.selectFrom(table).selectAll().execute(), []);
  clock.advance(5001);
  assert.deepEqual(
    (await status.list()).map(({ largeDownloads }) => largeDownloads),
    [true],
  );
  await saveServers(store, []);
  assert.deepEqual(await listServers(store), []);
  await store.close();
});

test("what a server offers comes from its settings, each port once", () => {
  assert.deepEqual(
    offersOf({
      services: {
        openvpn: {
          listen: [
            { protocol: "udp", address: "0.0.0.0", port: 1194 },
            { protocol: "udp", address: "::", port: 1194 },
            { protocol: "tcp", address: "0.0.0.0", port: 1194 },
          ],
          tlsCrypt: "",
        },
        http: { listen: [{ address: "0.0.0.0", port: 3128 }] },
      },
    }),
    [
      {
        service: "openvpn",
        ports: [
          { protocol: "udp", port: 1194 },
          { protocol: "tcp", port: 1194 },
        ],
      },
      { service: "http", ports: [{ protocol: "tcp", port: 3128 }] },
    ],
  );
});
