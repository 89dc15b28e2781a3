import type { Context, Hono } from "hono";
import type { ServerStatus } from "../../fleet/status.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/**
 * Three feeds in the shapes that scripts and clients of an existing provider read (Perfect Privacy's public API), so that
 * they work by changing the host name. Public, and readable from any site's scripts.
 */

const PUBLIC = {
  "cache-control": "public, max-age=60",
  "access-control-allow-origin": "*",
  "cross-origin-resource-policy": "cross-origin",
};

/** kbit/s out of whole percent of Mbit/s. */
const kbits = (percent: number, bandwidthMbit: number): number => Math.round(percent * bandwidthMbit * 10);

/** A server that has never reported is left out: zeros would make it look like the best choice. */
export const traffic = (servers: readonly ServerStatus[]): object =>
  Object.fromEntries(
    servers
      .filter(({ state }) => state !== "never")
      .map((server) => [
        server.host,
        {
          timestamp: server.slotEndsAt,
          bandwidth_in: kbits(server.inPercent, server.bandwidthMbit),
          bandwidth_out: kbits(server.outPercent, server.bandwidthMbit),
          bandwidth_max: Math.round(server.bandwidthMbit * 1000),
        },
      ]),
  );

/** The two floats are text, as there. */
export const serverLocations = (servers: readonly ServerStatus[]): object =>
  Object.fromEntries(
    servers.map((server) => [
      server.host,
      {
        city: server.city,
        city_short: cityShort(server),
        country: server.country,
        country_short: server.countryCode.toLowerCase(),
        lati: String(server.latitude),
        longi: String(server.longitude),
      },
    ]),
  );

/** The server's name without its number: `london1` → `london`. */
const cityShort = ({ server }: ServerStatus): string => server.replace(/-?\d+$/, "") || server;

/** `host<TAB>ip,ip`, a line a server. */
export const serverIps = (servers: readonly ServerStatus[]): string =>
  servers.map(({ host, addresses }) => `${host}\t${addresses.join(",")}\n`).join("");

export function addFeeds(app: Hono<SiteEnv>, web: Web): void {
  const feed = (path: string, answer: (c: Context<SiteEnv>, servers: ServerStatus[]) => Response) =>
    app.get(path, async (c) => answer(c, await web.status.list()));
  feed("/api/traffic.json", (c, servers) => c.json(traffic(servers), 200, PUBLIC));
  feed("/api/serverlocations.json", (c, servers) => c.json(serverLocations(servers), 200, PUBLIC));
  feed("/api/serverips", (c, servers) => c.text(serverIps(servers), 200, PUBLIC));
}
