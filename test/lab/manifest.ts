import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * `manifest.txt` names every test of the lab, so that one that silently stops running is noticed.
 *
 *   node test/lab/manifest.ts check <what ran>   0 where these and no others ran
 *   node test/lab/manifest.ts write <what ran>   makes these the manifest
 *
 * <what ran> is a file that manifest-reporter.ts wrote.
 */
const manifest = fileURLToPath(new URL("manifest.txt", import.meta.url));
const linesOf = (path: string): string[] => readFileSync(path, "utf8").split("\n").filter(Boolean);

const [verb, path] = process.argv.slice(2);
if (path === undefined || (verb !== "check" && verb !== "write")) {
  process.stderr.write("usage: manifest.ts check|write <file>\n");
  process.exit(2);
}
const ran = linesOf(path);
if (verb === "write") {
  writeFileSync(manifest, `${ran.join("\n")}\n`);
} else {
  const named = linesOf(manifest);
  const missing = named.filter((line) => !ran.includes(line));
  const unknown = ran.filter((line) => !named.includes(line));
  for (const line of missing) process.stderr.write(`did not run: ${line}\n`);
  for (const line of unknown) process.stderr.write(`not in test/lab/manifest.txt: ${line}\n`);
  if (missing.length + unknown.length > 0) {
    process.stderr.write(
      "Where that is as it should be: npm run test:lab:manifest writes the manifest anew.\n",
    );
    process.exitCode = 1;
  } else process.stdout.write(`All ${named.length} tests of the manifest ran.\n`);
}
