import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Device } from "../../accounts/devices.ts";
import { deviceAddresses } from "../../lib/device-addresses.ts";
import { errorPage } from "../errors.ts";
import { deviceFile } from "../member/device-files.ts";
import type { SiteEnv } from "../options.ts";
import { profileQuery } from "../profile-files.ts";
import type { Web } from "../web.ts";
import { errorShape, refused } from "./shapes.ts";

/** Members' WireGuard devices in the JSON API. Whoever calls makes the key pair and sends the public key: the API makes none. */

const deviceShape = z
  .object({
    id: z.string(),
    publicKey: z.string().openapi({ example: "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=" }),
    name: z.string().nullable(),
    ipv4: z.string().openapi({ description: "Its address inside the tunnel, the same on every server" }),
    ipv6: z.string(),
    servers: z.array(z.string()).openapi({ description: "The servers that it may be online on" }),
  })
  .openapi("Device");
const devicesShape = z
  .object({
    devices: z.array(deviceShape),
    most: z.int().openapi({ description: "How many an account may have" }),
  })
  .openapi("Devices");
const newDeviceShape = z
  .object({
    publicKey: z.string().openapi({ description: "As `wg pubkey` prints it" }),
    name: z.string().optional().openapi({ example: "laptop" }),
  })
  .openapi("NewDevice");

const json = <Shape extends z.ZodType>(schema: Shape, description: string) => ({
  content: { "application/json": { schema } },
  description,
});
const problem = (description: string) => json(errorShape, description);
const members = {
  400: problem("Not understood"),
  401: problem("Not logged in"),
  413: problem("Too large"),
  415: problem("Not JSON"),
};
const common = { tags: ["devices"], security: [{ bearer: [] }] };
const id = z.string().max(100);

const routes = {
  list: createRoute({
    method: "get",
    path: "/api/v1/account/devices",
    summary: "The account's WireGuard devices",
    ...common,
    responses: { 200: json(devicesShape, "The devices"), ...members },
  }),
  add: createRoute({
    method: "post",
    path: "/api/v1/account/devices",
    summary: "Add a device by its public key; it is enabled on no server yet",
    ...common,
    request: { body: { content: { "application/json": { schema: newDeviceShape } }, required: true } },
    responses: {
      201: json(deviceShape, "Added, or the account's already"),
      422: problem("The key or the name was not taken"),
      ...members,
    },
  }),
  remove: createRoute({
    method: "delete",
    path: "/api/v1/account/devices/{id}",
    summary: "Remove a device; it is cut off on every server",
    ...common,
    request: { params: z.object({ id }) },
    responses: { 204: { description: "Removed" }, 404: problem("No such device"), ...members },
  }),
  profile: createRoute({
    method: "post",
    path: "/api/v1/account/devices/{id}/profiles/{server}",
    summary: "Enable a device on a server; the answer is its file, with a line where the private key belongs",
    ...common,
    request: {
      params: z.object({ id, server: z.string().openapi({ example: "london1" }) }),
      query: profileQuery.omit({ protocol: true }),
    },
    responses: {
      200: { content: { "application/octet-stream": { schema: z.string() } }, description: "The file" },
      404: problem("No such device or server, or the server does not offer WireGuard so"),
      ...members,
    },
  }),
};

const bodyOf = ({ id, publicKey, index, name, servers }: Device): z.infer<typeof deviceShape> => {
  const { v4, v6 } = deviceAddresses(index);
  return { id, publicKey, name: name ?? null, ipv4: v4, ipv6: v6, servers };
};

/** Below /api/v1/account, where `forBearers` stands before everything. */
export function addDevicesApi(api: OpenAPIHono<SiteEnv>, web: Web): void {
  api.openapi(routes.list, async (c) => {
    const devices = await web.devices.list(c.get("member").account.id);
    return c.json({ devices: devices.map(bodyOf), most: web.devices.most }, 200);
  });

  api.openapi(routes.add, async (c) => {
    const added = await web.devices.add(c.get("member").account.id, c.req.valid("json"));
    return added.ok ? c.json(bodyOf(added.value), 201) : c.json(refused(added.error), 422);
  });

  api.openapi(routes.remove, async (c) => {
    const removed = await web.devices.remove(c.get("member").account.id, c.req.valid("param").id);
    return removed.ok ? c.body(null, 204) : c.json(refused(removed.error), 404);
  });

  api.openapi(routes.profile, async (c) => {
    const { id, server } = c.req.valid("param");
    const accountId = c.get("member").account.id;
    const device = await web.devices.of(accountId, id);
    if (device === undefined) return c.json(refused("device-unknown"), 404);
    const file = deviceFile(web, server, device, c.req.valid("query"));
    if (file === undefined) {
      const known = (await web.status.list()).some((each) => each.server === server);
      return c.json(refused(known ? "no-device-file" : "server-unknown"), 404);
    }
    const enabled = await web.devices.enable(accountId, id, server);
    if (!enabled.ok) return errorPage(web, c, "not-found") as never;
    return c.body(file.content, 200, {
      "content-type": file.type,
      "content-disposition": `attachment; filename="${file.name}"`,
    }) as never;
  });
}
