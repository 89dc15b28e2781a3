import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { allGroups, recommended } from "../../fleet/recommend.ts";
import { SLOT_S } from "../../fleet/server-news.ts";
import type { SiteEnv } from "../options.ts";
import { LOADS, matching, parseQuery, queryText, SERVICES, SORTS, STATES } from "../site/server-query.ts";
import { currentSlot } from "../site/status.ts";
import type { Web } from "../web.ts";
import { PUBLIC } from "./feeds.ts";
import { errorShape, isoTime, refused, serverBody, serverShape, time } from "./shapes.ts";

/** The servers as JSON: all or those asked for, one with its day and month, the ones to choose now, the groups. */

const country = z
  .string()
  .regex(/^[A-Za-z]{2}$/)
  .optional()
  .openapi({ description: "ISO 3166-1, two letters", example: "GB" });
const service = z.enum(SERVICES).optional();
const name = z.string().max(60).optional();
const group = name.openapi({ description: "`london` for all londonN, or a group of the operator's" });

const json = <Shape extends z.ZodType>(schema: Shape, description: string) => ({
  content: { "application/json": { schema } },
  description,
});
const tags = ["servers"];
const problems = { 400: json(errorShape, "Not understood") };
const percent = z
  .int()
  .nullable()
  .openapi({ description: "Of the bandwidth; 0: under 1 %; null: not known" });

const servers = createRoute({
  method: "get",
  path: "/api/v1/servers",
  summary: "The servers and their load",
  tags,
  request: {
    query: z.object({
      country,
      city: name.openapi({ description: "The beginning of its name" }),
      name: name.openapi({ description: "A part of the server's name" }),
      service,
      group,
      load: z.enum(LOADS.map(String)).optional().openapi({ description: "Known, and below so many percent" }),
      state: z.enum(STATES).optional(),
      sort: z.enum(SORTS).default("name"),
    }),
  },
  responses: { 200: json(z.object({ servers: z.array(serverShape) }), "The servers"), ...problems },
});

const best = createRoute({
  method: "get",
  path: "/api/v1/servers/recommended",
  summary: "The servers to choose now, best first: up, taking new logins, lowest load",
  tags,
  request: {
    query: z.object({
      country,
      service,
      group,
      limit: z.coerce.number().int().min(1).max(1000).default(10),
    }),
  },
  responses: {
    200: json(
      z.object({ servers: z.array(serverShape) }),
      "The servers, with those of their services that work",
    ),
    ...problems,
  },
});

const one = createRoute({
  method: "get",
  path: "/api/v1/servers/{server}",
  summary: "A server with the traffic of its last 24 hours and 30 days",
  tags,
  request: { params: z.object({ server: z.string().openapi({ example: "london1" }) }) },
  responses: {
    200: json(
      serverShape.extend({
        day: z
          .array(z.object({ from: time, inPercent: percent, outPercent: percent }))
          .openapi({ description: "The last 24 hours by five minutes, oldest first" }),
        hours: z
          .array(z.object({ from: time, inPercent: z.int(), outPercent: z.int() }))
          .openapi({ description: "The hours of the last 30 days that are known, oldest first" }),
      }),
      "The server",
    ),
    404: json(errorShape, "No such server"),
    ...problems,
  },
});

const groups = createRoute({
  method: "get",
  path: "/api/v1/groups",
  summary: "Groups of servers: by city, and the operator's own",
  tags,
  responses: {
    200: json(
      z.object({ groups: z.array(z.object({ group: z.string(), servers: z.array(z.string()) })) }),
      "The groups",
    ),
  },
});

export function addServers(api: OpenAPIHono<SiteEnv>, web: Web): void {
  const kind = { type: "application/json", headers: PUBLIC };

  api.openapi(servers, async (c) => {
    const list = await web.status.list();
    const asked = c.req.valid("query");
    const query = parseQuery({ ...asked, page: undefined });
    return web.answers.answer(c, `/api/v1/servers${queryText(query)}`, [list], kind, () =>
      JSON.stringify({ servers: matching(list, query).map(serverBody) }),
    ) as never;
  });

  api.openapi(best, async (c) => {
    const list = await web.status.list();
    const { country: countryCode, service: wanted, group: within, limit } = c.req.valid("query");
    const key = `/api/v1/servers/recommended ${JSON.stringify([countryCode?.toUpperCase(), wanted, within, limit])}`;
    return web.answers.answer(c, key, [list], kind, () =>
      JSON.stringify({
        servers: recommended(list, { countryCode, service: wanted, group: within })
          .slice(0, limit)
          .map((server) =>
            serverBody({ ...server, services: server.services.filter(({ healthy }) => healthy) }),
          ),
      }),
    ) as never;
  });

  api.openapi(one, async (c) => {
    const server = (await web.status.list()).find((each) => each.server === c.req.valid("param").server);
    if (server === undefined) return c.json(refused("server-unknown"), 404);
    const key = `/api/v1/servers/${server.server}`;
    return web.answers.answer(c, key, [server, currentSlot(web)], kind, async () =>
      JSON.stringify({
        ...serverBody(server),
        day: web.status.day(server.server).map(({ slot, inPercent, outPercent }) => ({
          from: isoTime(slot * SLOT_S),
          inPercent: inPercent ?? null,
          outPercent: outPercent ?? null,
        })),
        hours: (await web.status.hours(server.server)).map(({ hour, ...traffic }) => ({
          from: isoTime(hour * 3600),
          ...traffic,
        })),
      }),
    ) as never;
  });

  api.openapi(groups, async (c) => {
    const list = await web.status.list();
    return web.answers.answer(c, "/api/v1/groups", [list], kind, () =>
      JSON.stringify({
        groups: [...allGroups(list)].map(([group, members]) => ({
          group,
          servers: members.map(({ server }) => server),
        })),
      }),
    ) as never;
  });
}
