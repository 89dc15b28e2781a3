import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { type OwnServer, saveServers } from "../../src/fleet/servers.ts";
import { FakeClock } from "../../src/lib/clock.ts";
import type { Store } from "../../src/store/open.ts";
import { type Bench, openBench, SERVERS } from "../../src/web/testkit.ts";

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

export interface LiveSite {
  origin: string;
  bench: Bench;
  clock: FakeClock;
  close(): Promise<void>;
}

/** The site on a loopback port, with four servers and a day of traffic. */
export async function openLiveSite(): Promise<LiveSite> {
  const clock = new FakeClock(Date.UTC(2031, 4, 1, 18, 3));
  const bench = await openBench(
    { siteName: "Example Collective", sourceUrl: "https://code.example.net/lethe" },
    clock,
  );
  await saveServers(bench.store, servers);
  await fillDay(bench.store, clock.now() / 1000);
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
