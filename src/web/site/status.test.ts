import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bestServer } from "../../fleet/recommend.ts";
import type { SlotTraffic } from "../../fleet/server-news.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { FakeClock } from "../../lib/clock.ts";
import { SERVICES, type Service } from "../../link/services.ts";
import { PLAIN_ENGLISH } from "../languages/language.ts";
import { openBench, signedUp, Visitor } from "../testkit.ts";
import { columns, dayChart, stepPath } from "./day-chart.ts";
import { hourColumns } from "./month-chart.ts";

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

test("every service stands on the page by its name and ports, and one that does not work says so", async () => {
  const NAMES: Record<Service, string> = {
    openvpn: "OpenVPN",
    wireguard: "WireGuard",
    ikev2: "IKEv2",
    ssh: "SSH tunnel",
    socks5: "SOCKS5 proxy",
    "socks5-tls": "SOCKS5 proxy over TLS",
    http: "HTTP proxy",
    https: "HTTPS proxy",
    "stealth-tls": "OpenVPN in TLS",
    "stealth-obfs4": "OpenVPN in obfs4",
  };
  const services = SERVICES.map((service, index) => ({
    service,
    healthy: service !== "wireguard",
    ports: [{ protocol: "tcp" as const, port: 4000 + index }],
  }));
  const page = await statusPage([server({ services })]);
  for (const [index, service] of SERVICES.entries()) {
    const down = service === "wireguard" ? [' class="down"', " – not working at the moment"] : ["", ""];
    const line = `<li${down[0]}><strong>${NAMES[service]}</strong> ${4000 + index}${down[1]}</li>`;
    assert.ok(page.includes(line), line);
  }
});

test("one server alone is called no choice", async () => {
  const alone = await statusPage([server({})]);
  assert.doesNotMatch(alone, /[Bb]est choice/);
  assert.match(await statusPage([server({}), server({ server: "b" })]), /Best choice now: /);
  assert.doesNotMatch(await statusPage([server({ slotEndsAt: 0 })]), /id="choice"/);
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
  assert.ok((await statusPage([server({ services })])).includes("not working at the moment"));
  assert.ok(!(await statusPage([server({ services, state: "never" })])).includes("not working"));
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

test("twelve servers with a restless day make a page below 100 KB", async () => {
  const restless = (seed: number): SlotTraffic[] =>
    Array.from({ length: 288 }, (_, slot) => ({
      slot,
      inPercent: (slot * 37 + seed) % 100,
      outPercent: (slot * 53 + seed) % 100,
    }));
  const page = await statusPage(
    Array.from({ length: 12 }, (_, index) => server({ server: `city${index}` })),
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
  assert.match(
    dayChart(PLAIN_ENGLISH.say, day).markup,
    /aria-label="No traffic figures of the last 24 hours are known\."/,
  );
  day[5] = { slot: 5, inPercent: 7, outPercent: 0 };
  const { markup } = dayChart(PLAIN_ENGLISH.say, day);
  assert.match(markup, /Highest in: 7 %, highest out: under 1 % of the bandwidth/);
  assert.match(markup, /scale: 0 to 10 %/);
  assert.ok(!markup.includes("style="));
});

const many = (count: number): ServerStatus[] =>
  Array.from({ length: count }, (_, index) => {
    const name = `town${index % 50}-${index}`;
    return server({
      server: name,
      host: `${name}.a-rather-long-name-of-a-provider.example.net`,
      city: `Llanfairpwllgwyngyll ${index % 50}`,
      country: `The Republic of ${index % 20}`,
      countryCode: String.fromCharCode(65 + (index % 20)).repeat(2),
      loadPercent: index % 101,
      largeDownloads: index % 2 === 0,
      draining: index % 7 === 6,
      state: index % 11 === 10 ? "no-news" : "up",
      noNewsSince: index % 11 === 10 ? 1_900_000_000 : 0,
      services: ["openvpn", "socks5", "http"].map((service) => ({
        service,
        healthy: index % 13 > 0,
        ports: [{ protocol: "tcp", port: 1080 }],
      })),
    });
  });

async function siteOf(servers: ServerStatus[]) {
  const status = { list: async () => servers, day: emptyDay, hours: async () => [] };
  return openBench({ status }, new FakeClock());
}

test("a thousand servers stand on pages of rows below 80 KB, each server on one of them", async () => {
  const bench = await siteOf(many(1000));
  const visitor = new Visitor(bench.app);
  const seen = new Set<string>();
  let path: string | undefined = "/status";
  let pages = 0;
  while (path !== undefined) {
    const page = await (await visitor.get(path)).text();
    assert.ok(Buffer.byteLength(page) < 80_000, `${path}: ${Buffer.byteLength(page)}`);
    for (const [, name] of page.matchAll(/<td><a href="\/status\/([a-z0-9-]+)"/g)) seen.add(name!);
    path = /<a href="([^"]+)" rel="next"/.exec(page)?.[1]?.replaceAll("&amp;", "&");
    pages++;
  }
  assert.equal(seen.size, 1000);
  assert.equal(pages, 13);
  await bench.close();
});

test("the form's fields leave out and put in order what they say, and the answer shows what was asked", async () => {
  const bench = await siteOf([
    ...many(40),
    server({
      server: "reykjavik1",
      city: "Reykjavík",
      country: "Iceland",
      countryCode: "IS",
      loadPercent: 3,
    }),
    server({
      server: "reykjavik2",
      city: "Reykjavík",
      country: "Iceland",
      countryCode: "IS",
      draining: true,
      groups: ["north"],
    }),
    server({
      server: "akureyri1",
      city: "Akureyri",
      country: "Iceland",
      countryCode: "IS",
      state: "never",
      slotEndsAt: 0,
    }),
  ]);
  const visitor = new Visitor(bench.app);
  const named = async (query: string) => {
    const page = await (await visitor.get(`/status?${query}`)).text();
    return [...page.matchAll(/<td><a href="\/status\/([a-z0-9-]+)"/g)].map(([, name]) => name);
  };
  assert.deepEqual(await named("country=IS"), ["akureyri1", "reykjavik1", "reykjavik2"]);
  assert.deepEqual(await named("country=is&sort=load"), ["reykjavik1", "reykjavik2", "akureyri1"]);
  assert.deepEqual(await named("city=reykjavik"), ["reykjavik1", "reykjavik2"]);
  assert.deepEqual(await named("city=Reykjav%C3%ADk&state=up"), ["reykjavik1"]);
  assert.deepEqual(await named("country=IS&state=draining"), ["reykjavik2"]);
  assert.deepEqual(await named("country=IS&state=no-news"), ["akureyri1"]);
  assert.deepEqual(await named("country=IS&load=25"), ["reykjavik1", "reykjavik2"]);
  assert.deepEqual(await named("group=north"), ["reykjavik2"]);
  assert.deepEqual(await named("group=akureyri"), ["akureyri1"]);
  assert.deepEqual(await named("name=yri"), ["akureyri1"]);
  assert.equal((await named("service=http")).length, 40);
  // What makes no sense is as good as not asked.
  assert.equal((await named("sort=%3Cscript%3E&page=-1&load=x&state=x&country=12345")).length, 43);
  const none = await (await visitor.get("/status?city=%22%3E%3Cb%3Enowhere")).text();
  assert.ok(none.includes("No server is like that") && none.includes('value="&quot;&gt;&lt;b&gt;nowhere"'));
  await bench.close();
});

test("an answer is made once for what is known, sent short to whoever has it, and short by gzip", async () => {
  let servers = many(100);
  const clock = new FakeClock();
  let listed = 0;
  const status = {
    list: async () => servers,
    day: emptyDay,
    hours: async () => {
      listed++;
      return [];
    },
  };
  const bench = await openBench({ status }, clock);
  const ask = (path: string, headers: Record<string, string> = {}) => bench.app.request(path, { headers });
  const first = await ask("/status");
  const etag = first.headers.get("etag")!;
  assert.equal(first.headers.get("cache-control"), "no-cache");
  assert.equal((await ask("/status", { "if-none-match": etag })).status, 304);
  const zipped = await ask("/status", { "accept-encoding": "br, gzip" });
  assert.equal(zipped.headers.get("content-encoding"), "gzip");
  const { gunzipSync } = await import("node:zlib");
  assert.equal(gunzipSync(Buffer.from(await zipped.arrayBuffer())).toString(), await first.text());

  for (let round = 0; round < 5; round++) await ask("/status/town1-1");
  assert.equal(listed, 1);
  // The others' news does not make a server's own page anew; its own does, once the answer is a second old.
  servers = servers.map((each) => (each.server === "town1-1" ? { ...each, loadPercent: 77 } : each));
  await ask("/status/town2-2");
  await ask("/status/town1-1");
  assert.equal(listed, 2);
  clock.advance(1000);
  assert.ok((await (await ask("/status/town1-1")).text()).includes("77 %"));
  assert.equal((await ask("/status", { "if-none-match": etag })).status, 200);
  await bench.close();
});

test("what a member sees is never another's: pages of who is logged in are neither kept nor compressed", async () => {
  const bench = await siteOf(many(20));
  const visitor = await signedUp(bench, "river-otter");
  await new Visitor(bench.app).get("/status");
  const own = await visitor.get("/status", { "accept-encoding": "gzip" });
  const page = await own.text();
  assert.equal(own.headers.get("content-encoding"), null);
  assert.equal(own.headers.get("cache-control"), "no-store");
  assert.ok(page.includes("Log out") && page.includes('name="token"'));
  assert.ok(!(await (await new Visitor(bench.app).get("/status")).text()).includes("Log out"));
  await bench.close();
});

test("a server's own page has its day and its month; a name of nobody's is not found", async () => {
  const hours = async () => [
    { hour: Math.floor(new FakeClock().now() / 3_600_000) - 5, inPercent: 42, outPercent: 1 },
  ];
  const status = { list: async () => [server({ draining: true, groups: ["north"] })], day: emptyDay, hours };
  const bench = await openBench({ status }, new FakeClock());
  const page = await (await new Visitor(bench.app).get("/status/amsterdam1")).text();
  for (const text of [
    "Last 30 days, by the hour, up to 42 %",
    "being emptied: no new logins",
    "group=amsterdam",
    "group=north",
    "/member/openvpn/amsterdam1.ovpn",
  ])
    assert.ok(page.includes(text), text);
  assert.equal((await new Visitor(bench.app).get("/status/nowhere1")).status, 404);
  await bench.close();
});

test("hours stand in the column of their four, and none from outside the month", () => {
  const hour = (at: number, inPercent: number) => ({ hour: at, inPercent, outPercent: 0 });
  const now = 500_000;
  const columns30 = hourColumns(
    [hour(now - 721, 9), hour(now - 720, 1), hour(now - 717, 3), hour(now - 1, 5), hour(now, 9)],
    now,
    "inPercent",
  );
  assert.equal(columns30.length, 180);
  assert.deepEqual([columns30[0], columns30[1], columns30.at(-1)], [3, undefined, 5]);
});
