import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/**
 * What ships to a server that joins: the exit's code as one file, made from the very sources that run here. The same
 * sources make the same bytes on every office, wherever the checkout lies.
 */
const checkout = fileURLToPath(new URL("../../", import.meta.url));

/** Packages of CommonJS call `require` for Node's own modules; an ES module has none. */
const REQUIRE =
  'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);';

export interface ExitBundle {
  bytes: Uint8Array;
  /** Hex. */
  sha256: string;
  /** The npm packages inside, sorted. */
  packages: string[];
}

/** Takes a fraction of a second. Reads the checkout: call it before root is given up. Throws where a source does not parse. */
export function buildExitBundle(): ExitBundle {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: checkout,
    entryPoints: ["src/exit/bundle.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    legalComments: "inline",
    // A new runtime makes a new bundle, so that one name stands for both.
    // ssh2 does without either, and a binary made here would not run there; its own lookup of files finds none in a bundle.
    external: ["*.node", "cpu-features"],
    define: { __dirname: '""', __filename: '""' },
    banner: { js: `// Lethe exit, for Node ${process.versions.node}\n${REQUIRE}` },
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const bytes = outputFiles[0]!.contents;
  const packages = Object.keys(metafile.inputs).flatMap((path) => packageOf(path) ?? []);
  return {
    bytes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    packages: [...new Set(packages)].sort(),
  };
}

/** `node_modules/@nats-io/nkeys/lib/mod.js` → `@nats-io/nkeys`. */
const packageOf = (path: string): string | undefined =>
  /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
