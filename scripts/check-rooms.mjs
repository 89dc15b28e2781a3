/**
 * Holds the imports against `.dependency-cruiser.mjs`. Fails also where it read no module, or one room's none: with some
 * TypeScript versions dependency-cruiser reads nothing and finds everything in order.
 */
import { readdirSync } from "node:fs";
import { cruise } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import configuration from "../.dependency-cruiser.mjs";

/** Those with sources of ours below them. */
const foldersIn = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`);

const { options, forbidden } = configuration;
const result = await cruise(
  ["src", "test", "bench"],
  { ...options, ruleSet: { forbidden }, validate: true },
  undefined,
  {
    tsConfig: extractTSConfig("tsconfig.json"),
  },
);
const { modules, summary } = result.output;
const ours = modules.filter(({ source }) => /^(src|test|bench)\//.test(source));
const imports = ours.flatMap(({ dependencies }) => dependencies).length;
for (const { from, to, rule, comment } of summary.violations)
  process.stderr.write(`${rule.name}: ${from} → ${to}${comment ? ` (${comment})` : ""}\n`);
const unread = ["src", "test", "bench"]
  .flatMap(foldersIn)
  .filter((folder) => !ours.some(({ source }) => source.startsWith(`${folder}/`)));
if (ours.length === 0 || imports === 0 || unread.length > 0) {
  process.stderr.write(
    `The cruise read ${ours.length} files, ${imports} imports; unread rooms: ${unread.join(", ") || "none"}.\n`,
  );
  process.exit(1);
}
process.stdout.write(
  `${ours.length} files, ${imports} imports, ${summary.violations.length} against the rules.\n`,
);
process.exit(summary.violations.length > 0 ? 1 : 0);
