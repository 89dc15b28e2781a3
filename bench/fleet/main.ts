import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBenchOptions } from "../options.ts";
import { measureFleet } from "./fleet.ts";
import type { Results } from "./results.ts";
import { FULL, PARTS, type Part, QUICK, type Run } from "./run.ts";
import { summary } from "./tables.ts";

const usage = `Usage: npm run bench:fleet -- [options]

Measures what a fleet costs its office: simulated exits on a real nats-server, the site, and both kinds of store.

  --quick       small sizes, within a minute; the figures are rough
  --only A,B    only these parts: ${PARTS.join(", ")}
  --out DIR     where the results go (default: bench/fleet/results for a whole run, nowhere for a partial one)
  --help        this text
`;

function readOptions(): { run: Omit<Run, "folder">; quick: boolean; out: string | undefined } | undefined {
  const options = readBenchOptions({ parts: PARTS, main: import.meta.url });
  if (options === undefined) return undefined;
  const startedMs = performance.now();
  return {
    quick: options.quick,
    out: options.out,
    run: {
      scale: options.quick ? QUICK : FULL,
      parts: (options.only ?? PARTS) as readonly Part[],
      note: (text) =>
        process.stderr.write(
          `${((performance.now() - startedMs) / 1000).toFixed(0).padStart(4)} s  ${text}\n`,
        ),
    },
  };
}

function writeResults(folder: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "table.md"), summary(results));
  writeFileSync(join(folder, "raw.json"), `${JSON.stringify(results, undefined, 1)}\n`);
}

async function main(): Promise<void> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : "wrong options"}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "lethe-fleet-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const results = await measureFleet({ ...options.run, folder });
  process.stdout.write(`\n${summary(results)}`);
  if (options.out !== undefined) writeResults(options.out, results);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : "failed"}\n`);
  process.exitCode = 1;
}
process.exit();
