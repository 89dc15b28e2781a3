import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { Hono } from "hono";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/**
 * What a new server of the operator's needs from the site: it enrols with its one-time token, and gets the program that it is
 * to run. Both are open to everybody; the files hold no secret and are named by their hash, so that they may be kept for good.
 */
export function addExits(app: Hono<SiteEnv>, web: Web): void {
  const { exits } = web;
  if (exits === undefined) return;
  app.post("/enrol", async (c) => {
    const body: unknown = await c.req.json().catch(() => undefined);
    const outcome = await exits.enrol(body, web.clientAddress(c));
    if (outcome.ok) return c.json(outcome.value);
    return c.json({ error: outcome.error }, outcome.error === "slow-down" ? 429 : 403);
  });
  app.get("/exit/:file", (c) => {
    const file = exits.file(c.req.path);
    if (file === undefined) return c.notFound();
    const headers = {
      "content-type": file.contentType,
      "content-length": String(file.bytes),
      "cache-control": "public, max-age=31536000, immutable",
    };
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    return c.body(Readable.toWeb(createReadStream(file.file)) as ReadableStream, 200, headers);
  });
}
