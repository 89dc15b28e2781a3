import { readFileSync } from "node:fs";
import { type Asset, makeAsset } from "../assets.ts";
import { bundleScript } from "../assets-bundle.ts";

/** The scripts of the admin pages; the site serves none of them. Read with the code: later the checkout may be out of reach. */
const SCRIPTS = ["admin-open.js", "admin-tickets.js", "admin-age.js"] as const;
export type AdminScript = (typeof SCRIPTS)[number];

const TYPE = "text/javascript; charset=utf-8";

export const adminScripts: ReadonlyMap<string, Asset> = new Map(
  SCRIPTS.map((name) => [
    name,
    makeAsset(
      name === "admin-age.js"
        ? bundleScript(name)
        : readFileSync(new URL(`../assets/${name}`, import.meta.url), "utf8"),
      TYPE,
    ),
  ]),
);

export const adminScriptUrl = (name: AdminScript): string =>
  `/assets/${adminScripts.get(name)!.version}/${name}`;
