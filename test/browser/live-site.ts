import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { Page } from "playwright-core";
import { type OwnServer, saveServers } from "../../src/fleet/servers.ts";
import { FakeClock } from "../../src/lib/clock.ts";
import type { Store } from "../../src/store/open.ts";
import type { SiteOptions } from "../../src/web/options.ts";
import { type Bench, openBench, PASSWORD, SERVERS } from "../../src/web/testkit.ts";
import { selling } from "./selling.ts";

const SLOT_S = 300;

/** The test servers, and two more: one busy, one whose news is old. */
const servers: OwnServer[] = [
  ...SERVERS,
  {
    ...SERVERS[0]!,
    name: "zurich2",
    host: "zurich2.example.net",
    city: "Zürich",
    country: "Switzerland",
    countryCode: "CH",
    bandwidthMbit: 2500,
    addresses: ["192.0.2.30"],
  },
  {
    ...SERVERS[0]!,
    name: "santiago1",
    host: "santiago1.example.net",
    city: "Santiago de Chile",
    country: "Chile",
    countryCode: "CL",
    bandwidthMbit: 300,
    addresses: ["192.0.2.40"],
  },
];

interface Traffic {
  server: string;
  /** Percent at the fullest hour of the day. */
  peak: number;
  /** How many of the latest slots are missing. */
  silent?: number;
}

const traffic: Traffic[] = [
  { server: "amsterdam1", peak: 46 },
  { server: "reykjavik1", peak: 7 },
  { server: "zurich2", peak: 99 },
  { server: "santiago1", peak: 30, silent: 9 },
];

/** A day of made-up traffic: a wave with its top at the end, some noise that is the same each time, and one gap. */
async function fillDay(store: Store, nowS: number): Promise<void> {
  const last = Math.floor(nowS / SLOT_S) - 1;
  const rows = traffic.flatMap(({ server, peak, silent = 0 }) =>
    Array.from({ length: 288 - silent }, (_, index) => {
      const wave = 0.5 - 0.5 * Math.cos((index / 288) * Math.PI * 2 + 1.9);
      const noise = ((index * 7919) % 97) / 97;
      const inPercent = Math.floor(peak * (0.15 + 0.65 * wave + 0.2 * noise));
      return {
        server,
        slot: last - 287 + index,
        in_percent: inPercent,
        out_percent: Math.floor(inPercent * (0.75 + 0.2 * noise)),
      };
    }).filter(({ slot }) => server !== "amsterdam1" || slot < last - 150 || slot > last - 130),
  );
  await store.db.transaction().execute(async (trx) => {
    for (let at = 0; at < rows.length; at += 500) {
      await trx
        .insertInto("traffic_slots")
        .values(rows.slice(at, at + 500))
        .execute();
    }
    for (const { name, services } of servers) {
      for (const { service } of services) {
        const healthy = name === "zurich2" && service === "http" ? 0 : 1;
        await trx
          .insertInto("server_services")
          .values({ server: name, service, healthy, slot: last })
          .execute();
      }
    }
  });
}

const PLACES: [string, string, string, number, number][] = [
  ["Frankfurt am Main", "Germany", "DE", 50.11, 8.68],
  ["Berlin", "Germany", "DE", 52.52, 13.4],
  ["Nürnberg", "Germany", "DE", 49.45, 11.08],
  ["London", "United Kingdom", "GB", 51.51, -0.13],
  ["Manchester", "United Kingdom", "GB", 53.48, -2.24],
  ["Reykjavík", "Iceland", "IS", 64.15, -21.94],
  ["Zürich", "Switzerland", "CH", 47.37, 8.54],
  ["New York", "United States of America", "US", 40.71, -74.01],
  ["Los Angeles", "United States of America", "US", 34.05, -118.24],
  ["Santiago de Chile", "Chile", "CL", -33.45, -70.67],
  ["São Paulo", "Brazil", "BR", -23.55, -46.63],
  ["Tokyo", "Japan", "JP", 35.68, 139.69],
];

/** Made-up servers, numbered by city, some small, some in a group of the operator's. */
export const madeUpServers = (count: number): OwnServer[] =>
  Array.from({ length: count }, (_, index) => {
    const [city, country, countryCode, latitude, longitude] = PLACES[index % PLACES.length]!;
    const short = city
      .normalize("NFD")
      .replace(/[^A-Za-z]/g, "")
      .toLowerCase();
    const name = `${short}${1 + Math.floor(index / PLACES.length)}`;
    return {
      ...SERVERS[0]!,
      name,
      host: `${name}.example.net`,
      city,
      country,
      countryCode,
      latitude,
      longitude,
      bandwidthMbit: [1000, 10_000, 2500, 40][index % 4]!,
      addresses: [`203.0.113.${index % 250}`],
      groups: index % 9 === 0 ? ["archive"] : [],
    };
  });

/** News of each made-up server: most are well, some busy, silent, failing or being emptied. */
export async function tellNews(
  { status, store }: Bench,
  clock: FakeClock,
  servers: readonly OwnServer[],
): Promise<void> {
  const slot = Math.floor(clock.now() / 1000 / SLOT_S) - 1;
  const minute = Math.floor(clock.now() / 60_000);
  for (const [index, { name, services }] of servers.entries()) {
    if (index % 29 === 28) continue;
    const silent = index % 23 === 22;
    const inPercent = (index * 37) % 101;
    for (const back of [2, 1, 0])
      await status.accept({
        kind: "totals",
        protocol: 2,
        server: name,
        slot: slot - back - (silent ? 9 : 0),
        inPercent: Math.max(0, inPercent - back),
        outPercent: Math.floor(inPercent * 0.8),
        services: [],
      });
    if (silent) continue;
    await status.accept({
      kind: "health",
      protocol: 2,
      server: name,
      minute,
      release: "",
      services: services.map(({ service }) => ({
        service,
        healthy: index % 17 !== 16 || service !== "http",
      })),
    });
  }
  const draining = servers.filter((_, index) => index % 31 === 30).map(({ name }) => name);
  if (draining.length > 0)
    await store.db.updateTable("servers").set({ state: "draining" }).where("name", "in", draining).execute();
  status.serversChanged();
}

export interface LiveSite {
  origin: string;
  bench: Bench;
  clock: FakeClock;
  close(): Promise<void>;
}

/** The site on a loopback port, with four servers and a day of traffic, or with `made-up` ones and their last minutes. */
export async function openLiveSite(madeUp = 0, change: Partial<SiteOptions> = {}): Promise<LiveSite> {
  const clock = new FakeClock(Date.UTC(2031, 4, 1, 18, 3));
  const bench = await openBench(
    (parts) => ({
      siteName: "Example Collective",
      sourceUrl: "https://code.example.net/lethe",
      ...selling(parts),
      ...change,
    }),
    clock,
  );
  if (madeUp === 0) {
    await saveServers(bench.store, servers);
    await fillDay(bench.store, clock.now() / 1000);
  } else {
    const many = madeUpServers(madeUp);
    await saveServers(bench.store, many);
    await tellNews(bench, clock, many);
  }
  const server = serve({ fetch: bench.app.fetch, hostname: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bench,
    clock,
    async close() {
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await bench.close();
    },
  };
}

export const MEMBER = "river-otter";
/** As wide as addresses of e-mail get. */
export const LONG_EMAIL = "a-rather-long-mailbox-name.of.somebody@mail.department.example.org";

/** Somebody who has paid for 90 days, under the name `MEMBER`. */
export async function addMember({ bench }: LiveSite, more: { email?: string } = {}): Promise<void> {
  const [voucher] = await bench.vouchers.create({ days: 90, count: 1 });
  const made = await bench.vouchers.signUp({
    name: MEMBER,
    password: PASSWORD,
    voucher: voucher!,
    ...more,
  });
  if (!made.ok) throw new Error(`sign-up: ${made.error}`);
}

/** Logs in on the form; the account's page is open then. */
export async function logIn(page: Page, name = MEMBER): Promise<void> {
  await page.goto("/log-in");
  await page.fill("#name", name);
  await page.fill("#password", PASSWORD);
  await page.click("main button");
  await page.waitForURL("**/member");
}
