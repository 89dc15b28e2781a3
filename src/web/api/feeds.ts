import { isIP } from "node:net";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { cityGroup } from "../../fleet/groups.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import type { SiteEnv } from "../options.ts";
import { sshFingerprints } from "../ssh-fingerprints.ts";
import type { Web } from "../web.ts";

/**
 * Feeds in the shapes that scripts and clients of existing providers read (Perfect Privacy's and Mullvad's public APIs), so
 * that they work by changing the host name. What we do not know or do not have (keys of services that are not offered, who
 * owns a machine) is left out. Public, and readable from any site's scripts.
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
const cityShort = ({ server }: ServerStatus): string => cityGroup(server) ?? server;

/** The servers with OpenVPN, an entry a server. */
const relays = (servers: readonly ServerStatus[]): z.infer<typeof relaysShape> =>
  servers.flatMap((server) => {
    const openvpn = server.services.find(({ service }) => service === "openvpn");
    if (openvpn === undefined) return [];
    const address = (family: 4 | 6) => server.addresses.find((each) => isIP(each) === family) ?? null;
    return [
      {
        hostname: server.server,
        fqdn: server.host,
        country_code: server.countryCode.toLowerCase(),
        country_name: server.country,
        city_code: cityShort(server),
        city_name: server.city,
        active: server.state === "up" && openvpn.healthy && !server.draining,
        ipv4_addr_in: address(4),
        ipv6_addr_in: address(6),
        network_port_speed: server.bandwidthMbit / 1000,
        type: "openvpn",
        status_messages: statusMessages(server, openvpn.healthy),
      },
    ];
  });

function statusMessages(server: ServerStatus, healthy: boolean): { message: string; timestamp: string }[] {
  const at = (seconds: number) => (seconds === 0 ? "" : new Date(seconds * 1000).toISOString());
  if (server.state !== "up")
    return [{ message: "No news of this server", timestamp: at(server.noNewsSince) }];
  if (server.draining) return [{ message: "Takes no new logins", timestamp: "" }];
  return healthy ? [] : [{ message: "OpenVPN does not work at the moment", timestamp: "" }];
}

/** `host<TAB>ip,ip`, a line a server. */
const serverIps = (servers: readonly ServerStatus[]): string =>
  servers.map(({ host, addresses }) => `${host}\t${addresses.join(",")}\n`).join("");

/** `host<TAB>fingerprint`, a line a server with SSH. */
const rsaFingerprints = (servers: readonly ServerStatus[]): string =>
  servers
    .flatMap((server) =>
      sshFingerprints(server)
        .filter(({ type }) => type === "RSA")
        .map(({ fingerprint }) => `${server.host}\t${fingerprint}\n`),
    )
    .join("");

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

const relaysShape = z.array(
  z.object({
    hostname: z.string(),
    fqdn: z.string(),
    country_code: z.string(),
    country_name: z.string(),
    city_code: z.string(),
    city_name: z.string(),
    active: z.boolean().openapi({ description: "Works, and takes new logins" }),
    ipv4_addr_in: z.string().nullable(),
    ipv6_addr_in: z.string().nullable(),
    network_port_speed: z.number().openapi({ description: "Gbit/s" }),
    type: z.literal("openvpn"),
    status_messages: z.array(z.object({ message: z.string(), timestamp: z.string() })),
  }),
);

const tags = ["servers"];
const relaysRoute = createRoute({
  method: "get",
  path: "/www/relays/all/",
  summary: "Servers with OpenVPN, in Mullvad's shape",
  tags,
  responses: {
    200: { content: { "application/json": { schema: relaysShape } }, description: "The servers" },
  },
});
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

const fingerprintsRoute = createRoute({
  method: "get",
  path: "/api/ssh-fingerprints-rsa",
  summary: "SSH host keys (RSA) by host, in Perfect Privacy's shape",
  tags,
  responses: {
    200: {
      content: { "text/plain": { schema: z.string() } },
      description: "Lines of host, tab, the fingerprint as ssh shows it (SHA256:…); servers with SSH alone",
    },
  },
});

export function addFeeds(api: OpenAPIHono<SiteEnv>, web: Web): void {
  const feed =
    (path: string, type: string, make: (servers: readonly ServerStatus[]) => string) =>
    async (c: Context<SiteEnv>): Promise<never> => {
      const servers = await web.status.list();
      return web.answers.answer(c, path, [servers], { type, headers: PUBLIC }, () => make(servers)) as never;
    };
  const asJson = (path: string, make: (servers: readonly ServerStatus[]) => unknown) =>
    feed(path, "application/json", (servers) => JSON.stringify(make(servers)));

  api.openapi(trafficRoute, asJson(trafficRoute.path, traffic));
  api.openapi(locationsRoute, asJson(locationsRoute.path, serverLocations));
  api.openapi(ipsRoute, feed(ipsRoute.path, "text/plain; charset=UTF-8", serverIps));
  api.openapi(fingerprintsRoute, feed(fingerprintsRoute.path, "text/plain; charset=UTF-8", rsaFingerprints));
  api.openapi(relaysRoute, asJson(relaysRoute.path, relays));
  // Some leave the last slash out.
  api.get("/www/relays/all", asJson(relaysRoute.path, relays));
}
