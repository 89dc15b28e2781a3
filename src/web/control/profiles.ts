import type { Hono } from "hono";
import { z } from "zod";
import type { Devices } from "../../accounts/devices.ts";
import type { Status } from "../../fleet/status.ts";
import { DNS_LEVELS } from "../../lib/dns-levels.ts";
import { SYSTEMS } from "../../profiles/kinds.ts";
import { COMMON_KINDS, download, profileQuery, systemZip } from "../profile-files.ts";
import type { Web } from "../web.ts";

/** `lethe profile`: the files that members download, for the operator. */
export type ProfileOffice = Pick<Web, "profiles" | "siteName" | "publicUrl"> & {
  status: Pick<Status, "list">;
  devices: Pick<Devices, "withKey" | "enable">;
};

/** What `lethe profile make` makes: WireGuard's for a device whose public key the operator was told. */
export const MADE_KINDS = [...COMMON_KINDS, "wireguard"] as const;

const fileRequest = z.strictObject({
  kind: z.enum(MADE_KINDS),
  server: z.string(),
  publicKey: z.string().max(200).optional(),
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
    const { kind, server, publicKey, ...options } = fileRequest.parse(await c.req.json());
    const servers = await known();
    for (const name of [server, options.via])
      if (name !== undefined && !servers.includes(name))
        return c.json(no(`There is no server ${name}; \`lethe server list\` shows them all.`), 400);
    if (options.via === server)
      return c.json(no("The two hops are one server: --via names another, which the client dials."), 400);
    if (kind === "wireguard") {
      if (publicKey === undefined)
        return c.json(
          no("A WireGuard file is one device's: --public-key says which, as `wg pubkey` shows it."),
          400,
        );
      const found = await office.devices.withKey(publicKey);
      if (found === undefined)
        return c.json(
          no("Nobody has a device of that key. Members add theirs under Devices; no command does."),
          400,
        );
      const { accountId, device } = found;
      const [file] = office.profiles("wireguard", [server], { ...options, device: { index: device.index } });
      if (file === undefined) return c.json(no(`${server} does not offer that: ${kind}.`), 400);
      // As when its member fetches the file: the server knows the device from now on.
      await office.devices.enable(accountId, device.id, server);
      const base64 = Buffer.from(file.content).toString("base64");
      return c.json({ name: file.name, base64 } satisfies ProfileAnswer);
    }
    if (publicKey !== undefined)
      return c.json(no("A public key is for WireGuard alone: --kind wireguard."), 400);
    const made = download(office, kind, server, options);
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
