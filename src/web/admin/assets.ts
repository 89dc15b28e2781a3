import { readFileSync } from "node:fs";
import { type Asset, makeAsset } from "../assets.ts";
import { bundleScript } from "../assets-bundle.ts";

const SCRIPT = "text/javascript; charset=utf-8";

/** The files of the admin pages; the site serves none of them. Read with the code: later the checkout may be out of reach. */
const TYPES = {
  "admin.css": "text/css; charset=utf-8",
  "admin-open.js": SCRIPT,
  "admin-tickets.js": SCRIPT,
  "admin-age.js": SCRIPT,
} as const;

/** The one that needs an npm package. */
const BUNDLED = "admin-age.js";

export type AdminFile = keyof typeof TYPES;

export const adminFiles: ReadonlyMap<string, Asset> = new Map(
  Object.entries(TYPES).map(([name, type]) => [
    name,
    makeAsset(
      name === BUNDLED
        ? bundleScript(name)
        : readFileSync(new URL(`../assets/${name}`, import.meta.url), "utf8"),
      type,
    ),
  ]),
);

export const adminFileUrl = (name: AdminFile): string => `/assets/${adminFiles.get(name)!.version}/${name}`;
