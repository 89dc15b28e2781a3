import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ServerStatus } from "../../fleet/status.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/**
 * Three feeds in the shapes that scripts and clients of an existing provider read (Perfect Privacy's public API), so that
 * they work by changing the host name. Public, and readable from any site's scripts.
 */

export const PUBLIC = {
  "cache-control": "public, max-age=60",
  "access-control-allow-origin": "*",
  "cross-origin-resource-policy": "cross-origin",
};

/** kbit/s out of whole percent of Mbit/s. */
const kbits = (percent: number, bandwidthMbit: number): number => Math.round(percent * bandwidthMbit * 10);

/** A server that has never reported is left out: zeros would make it look like the best choice. */
const traffic = (servers: readonly ServerStatus[]): z.infer<typeof trafficShape> =>
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
const serverLocations = (servers: readonly ServerStatus[]): z.infer<typeof locationsShape> =>
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
const serverIps = (servers: readonly ServerStatus[]): string =>
  servers.map(({ host, addresses }) => `${host}\t${addresses.join(",")}\n`).join("");

const kbit = z.int().openapi({ description: "kbit/s" });
const trafficShape = z.record(
  z.string(),
  z.object({
    timestamp: z.int().openapi({ description: "UTC seconds: the end of the five minutes it is of" }),
    bandwidth_in: kbit,
    bandwidth_out: kbit,
    bandwidth_max: kbit,
  }),
);
const locationsShape = z.record(
  z.string(),
  z.object({
    city: z.string(),
    city_short: z.string(),
    country: z.string(),
    country_short: z.string(),
    lati: z.string(),
    longi: z.string(),
  }),
);

const tags = ["servers"];
const trafficRoute = createRoute({
  method: "get",
  path: "/api/traffic.json",
  summary: "Traffic by host, in Perfect Privacy's shape",
  tags,
  responses: { 200: { content: { "application/json": { schema: trafficShape } }, description: "By host" } },
});
const locationsRoute = createRoute({
  method: "get",
  path: "/api/serverlocations.json",
  summary: "Places by host, in Perfect Privacy's shape",
  tags,
  responses: { 200: { content: { "application/json": { schema: locationsShape } }, description: "By host" } },
});
const ipsRoute = createRoute({
  method: "get",
  path: "/api/serverips",
  summary: "Addresses by host, in Perfect Privacy's shape",
  tags,
  responses: {
    200: {
      content: { "text/plain": { schema: z.string() } },
      description: "Lines of host, tab, addresses with commas",
    },
  },
});

export function addFeeds(api: OpenAPIHono<SiteEnv>, web: Web): void {
  api.openapi(trafficRoute, async (c) => c.json(traffic(await web.status.list()), 200, PUBLIC));
  api.openapi(locationsRoute, async (c) => c.json(serverLocations(await web.status.list()), 200, PUBLIC));
  api.openapi(ipsRoute, async (c) => c.text(serverIps(await web.status.list()), 200, PUBLIC));
}
