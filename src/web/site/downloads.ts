import type { OpenAPIHono } from "@hono/zod-openapi";
import { createRoute, z } from "@hono/zod-openapi";
import { allGroups } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { DNS_LEVELS } from "../../lib/dns-levels.ts";
import { zipOf } from "../../lib/zip.ts";
import { type ProfileOptions, SYSTEMS as SYSTEM_KINDS } from "../../profiles/kinds.ts";
import { errorShape } from "../api/shapes.ts";
import { errorPage } from "../errors.ts";
import { sayIn } from "../languages/page-language.ts";
import type { SiteEnv } from "../options.ts";
import { systemZip } from "../profile-files.ts";
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

const everything = createRoute({
  method: "get",
  path: "/downloads/all/get",
  summary: "Every server's client files for a system as a zip: OpenVPN, IKEv2, SSH, stealth, PAC",
  tags: ["servers"],
  request: {
    query: z.object({
      system: z.enum(SYSTEM_KINDS),
      level: z
        .enum(DNS_LEVELS)
        .default("none")
        .openapi({ description: "What the resolver inside the tunnels blocks" }),
      filetype: z.literal("zip").default("zip"),
    }),
  },
  responses: {
    200: {
      content: { "application/zip": { schema: z.string().openapi({ format: "binary" }) } },
      description: "A folder for each kind of client",
    },
    400: { content: { "application/json": { schema: errorShape } }, description: "Not understood" },
    404: {
      content: { "application/json": { schema: errorShape } },
      description: "There is no such file yet",
    },
  },
});

export function addDownloads(api: OpenAPIHono<SiteEnv>, web: Web): void {
  api.openapi(everything, async (c) => {
    const { system, level } = c.req.valid("query");
    const say = sayIn(c);
    const servers = await web.status.list();
    const names = servers.map(({ server }) => server);
    const kind = {
      type: "application/zip",
      headers: {
        "cache-control": "public, max-age=300",
        "content-disposition": `attachment; filename="${fileName(web.siteName)}-${system}.zip"`,
      },
    };
    // A profile for one server at the least, or there is nothing to be made.
    if (systemZip(web, system, names.slice(0, 1), level) === undefined)
      if (systemZip(web, system, names, level) === undefined) return errorPage(web, c, "not-found") as never;
    return web.answers.answer(
      c,
      `all ${system} ${level} ${say.tag}`,
      [fingerprint(servers)],
      kind,
      () => systemZip(web, system, names, level, say)!,
    ) as never;
  });

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

/** The provider's name as a part of a file's. */
const fileName = (siteName: string): string =>
  siteName.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-|-$/g, "") || "vpn";

/** `London1`: such clients show the part before the number as the city. */
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
