import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { Hono } from "hono";
import { networkOf } from "../../accounts/login-throttle.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** Each is an open file and some 200 KB of memory, and one connection can ask for hundreds at once (HTTP pipelining). */
const AT_ONCE = { all: 64, aNetwork: 8 };
const RETRY_AFTER_S = 5;

/** How many files are on their way, in memory and only while they are. */
class Transfers {
  readonly #byNetwork = new Map<string, number>();
  #all = 0;

  /** Nothing where there are too many; else what to call at the end. */
  begin(address: string): (() => void) | undefined {
    const network = networkOf(address);
    const here = this.#byNetwork.get(network) ?? 0;
    if (this.#all >= AT_ONCE.all || here >= AT_ONCE.aNetwork) return undefined;
    this.#all++;
    this.#byNetwork.set(network, here + 1);
    return () => {
      this.#all--;
      const left = this.#byNetwork.get(network)! - 1;
      if (left === 0) this.#byNetwork.delete(network);
      else this.#byNetwork.set(network, left);
    };
  }
}

/**
 * What a new server of the operator's needs from the site: it enrols with its one-time token, and gets the program that it is
 * to run. Both are open to everybody; the files hold no secret and are named by their hash, so that they may be kept for good.
 */
export function addExits(app: Hono<SiteEnv>, web: Web): void {
  const { exits } = web;
  if (exits === undefined) return;
  const transfers = new Transfers();
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
    const end = transfers.begin(web.clientAddress(c));
    if (end === undefined)
      return c.text("Too many files at once. Try again soon.\n", 503, { "retry-after": `${RETRY_AFTER_S}` });
    const stream = createReadStream(file.file).once("close", end);
    return c.body(Readable.toWeb(stream) as ReadableStream, 200, headers);
  });
}
