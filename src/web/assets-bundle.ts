import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/**
 * A script of ours that needs npm packages, as one file for the browser: no build step, made when the site's code is loaded.
 * Takes a tenth of a second.
 */
export function bundleScript(name: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL(`assets/${name}`, import.meta.url))],
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    legalComments: "inline",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}
