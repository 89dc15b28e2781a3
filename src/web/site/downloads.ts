import type { OpenAPIHono } from "@hono/zod-openapi";
import { createRoute, z } from "@hono/zod-openapi";
import { allGroups } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/status.ts";
import { zipOf } from "../../lib/zip.ts";
import type { ProfileOptions } from "../../profiles/kinds.ts";
import { errorShape } from "../api/shapes.ts";
import { errorPage } from "../errors.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { groupServers } from "./group-servers.ts";

/**
 * Every OpenVPN profile in one archive, at the address and under the names that clients of an existing provider ask for
 * (Perfect Privacy's `/downloads/openvpn/get`): `London1.conf`, with the servers' addresses in the `remote` lines. Public: a
 * profile names no member, and whoever signs up for nothing gets the same.
 */

const SYSTEMS = ["linux", "windows", "macos", "android", "ios"] as const;

const route = createRoute({
  method: "get",
  path: "/downloads/openvpn/get",
  summary: "All OpenVPN profiles as a zip, in Perfect Privacy's shape",
  tags: ["servers"],
  request: {
    query: z.object({
      system: z.enum(SYSTEMS).default("linux"),
      scope: z.enum(["server", "group"]).default("server"),
      filetype: z.literal("zip").default("zip"),
      protocol: z.enum(["udp", "tcp"]).default("udp"),
    }),
  },
  responses: {
    200: {
      content: { "application/zip": { schema: z.string().openapi({ format: "binary" }) } },
      description: "One file for each server or group",
    },
    400: { content: { "application/json": { schema: errorShape } }, description: "Not understood" },
    404: {
      content: { "application/json": { schema: errorShape } },
      description: "No server has OpenVPN over that protocol",
    },
  },
});

export function addDownloads(api: OpenAPIHono<SiteEnv>, web: Web): void {
  api.openapi(route, async (c) => {
    const { system, scope, protocol } = c.req.valid("query");
    const servers = await web.status.list();
    const sets =
      scope === "server" ? servers.map(({ server }) => [server, [server]] as const) : groupsOf(servers);
    const options: ProfileOptions = {
      protocol,
      byAddress: true,
      system: system === "linux" ? "linux" : undefined,
    };
    const anyone = sets.some(([, names]) => web.profiles("openvpn", names, options).length > 0);
    if (!anyone) return errorPage(web, c, "not-found") as never;
    const ending = system === "linux" ? "conf" : "ovpn";
    const kind = {
      type: "application/zip",
      headers: {
        "cache-control": "public, max-age=300",
        "content-disposition": `attachment; filename="openvpn-${scope}-${system}-${protocol}.zip"`,
      },
    };
    return web.answers.answer(c, `zip ${scope} ${ending} ${protocol}`, [fingerprint(servers)], kind, () =>
      zipOf(
        sets.flatMap(([name, names]) => {
          return web.profiles("openvpn", names, { ...options, name: capital(name) });
        }),
      ),
    ) as never;
  });
}

const groupsOf = (servers: readonly ServerStatus[]) =>
  [...allGroups(servers)].map(([group, members]) => [group, groupServers(members)] as const);

/** What the profiles are made of; loads and health are not in them. */
const fingerprint = (servers: readonly ServerStatus[]): string =>
  JSON.stringify(
    servers.map(({ server, host, addresses, groups, draining, services }) => [
      server,
      host,
      addresses,
      groups,
      draining,
      services.map(({ ports }) => ports),
    ]),
  );

/** `London1`: such clients show the part before the number as the city. */
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
