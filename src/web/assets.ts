import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Env, Hono } from "hono";
import { bundleScript } from "./assets-bundle.ts";

/** The files a page may load beside itself. Read with the code, since a process that gave root up may not reach them later. */
const TYPES = {
  "site.css": "text/css; charset=utf-8",
  "enhance.js": "text/javascript; charset=utf-8",
  "status.js": "text/javascript; charset=utf-8",
  "contact.js": "text/javascript; charset=utf-8",
  "check.js": "text/javascript; charset=utf-8",
  "devices.js": "text/javascript; charset=utf-8",
  "mark.svg": "image/svg+xml",
} as const;

/** Those that need npm packages. */
const BUNDLED: ReadonlySet<string> = new Set(["devices.js", "contact.js"]);

export type AssetName = keyof typeof TYPES;

export interface Asset {
  content: string | Uint8Array<ArrayBuffer>;
  type: string;
  /** The first 12 hexadecimal digits of SHA-256: part of the address, so that a browser may keep the file for good. */
  version: string;
}

export const makeAsset = (content: Asset["content"], type: string): Asset => ({
  content,
  type,
  version: createHash("sha256").update(content).digest("hex").slice(0, 12),
});

const assets = new Map<string, Asset>(
  Object.entries(TYPES).map(([name, type]) => {
    const content = BUNDLED.has(name)
      ? bundleScript(name)
      : readFileSync(new URL(`assets/${name}`, import.meta.url), "utf8");
    return [name, makeAsset(content, type)];
  }),
);

export const assetUrl = (name: AssetName): string => `/assets/${assets.get(name)!.version}/${name}`;

export const markAsset: Asset = assets.get("mark.svg")!;

/** The site's mark as a file, in another colour. */
export const markIn = (colour: string): string =>
  (assets.get("mark.svg")!.content as string).replace("#0c6b64", colour);

/** `own`: this site's, such as its logo. */
export function addAssets<E extends Env>(app: Hono<E>, own: ReadonlyMap<string, Asset>, icon: Asset): void {
  // Browsers ask for it by themselves beside what is no page of ours, such as /checkip/json.
  app.get("/favicon.ico", (c) =>
    c.body(icon.content, 200, { "content-type": icon.type, "cache-control": "public, max-age=86400" }),
  );
  app.get("/assets/:version/:name", (c) => {
    const asset = own.get(c.req.param("name")) ?? assets.get(c.req.param("name"));
    if (asset === undefined || asset.version !== c.req.param("version")) return c.notFound();
    return c.body(asset.content, 200, {
      "content-type": asset.type,
      "cache-control": "public, max-age=31536000, immutable",
    });
  });
}
