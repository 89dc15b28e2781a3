import type { Hono } from "hono";
import { z } from "zod";
import type { Status } from "../../fleet/status.ts";
import { DNS_LEVELS } from "../../lib/dns-levels.ts";
import { SYSTEMS } from "../../profiles/kinds.ts";
import { COMMON_KINDS, download, profileQuery, systemZip } from "../profile-files.ts";
import type { Web } from "../web.ts";

/** `lethe profile`: the files that members download, for the operator. */
export type ProfileOffice = Pick<Web, "profiles" | "siteName" | "publicUrl"> & {
  status: Pick<Status, "list">;
};

const fileRequest = z.strictObject({
  kind: z.enum(COMMON_KINDS),
  server: z.string(),
  byAddress: z.boolean().optional(),
  ...profileQuery.shape,
});
const zipRequest = z.strictObject({ system: z.enum(SYSTEMS), level: z.enum(DNS_LEVELS).optional() });

/** What the command gets: the bytes as base64, since a zip is not text. */
export interface ProfileAnswer {
  name: string;
  base64: string;
}

export function addProfileControl(app: Hono, office: ProfileOffice): void {
  const known = async () => (await office.status.list()).map(({ server }) => server);
  const no = (error: string) => ({ error });

  app.post("/profiles/file", async (c) => {
    const { kind, server, ...options } = fileRequest.parse(await c.req.json());
    const servers = await known();
    for (const name of [server, options.via])
      if (name !== undefined && !servers.includes(name))
        return c.json(no(`There is no server ${name}; \`lethe server list\` shows them all.`), 400);
    const made = download(office, kind, server, options);
    if (options.via === server)
      return c.json(no("The two hops are one server: --via names another, which the client dials."), 400);
    if (made === undefined) return c.json(no(`${server} does not offer that: ${kind}.`), 400);
    return c.json({ name: made.name, base64: made.body.toString("base64") } satisfies ProfileAnswer);
  });

  app.post("/profiles/zip", async (c) => {
    const { system, level } = zipRequest.parse(await c.req.json());
    const zip = systemZip(office, system, await known(), level);
    if (zip === undefined) return c.json(no("No server offers anything for that system."), 400);
    return c.json({ name: `${system}.zip`, base64: zip.toString("base64") } satisfies ProfileAnswer);
  });
}
