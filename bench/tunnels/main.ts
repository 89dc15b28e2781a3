import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ByHand } from "./by-hand.ts";
import { type Bench, ceiling, contenders } from "./contenders.ts";
import { BenchLethe } from "./lethe.ts";
import type { Durations } from "./measure.ts";
import { type Results, type Row, SHARE_NEEDED, shortfalls, table } from "./results.ts";
import { BenchWorld } from "./world.ts";

const usage = `Usage: npm run bench:tunnels -- [options]

Measures each tunnel of Lethe beside the same engine configured by hand, in turns, in network namespaces.

  --rounds N    how often each takes its turn (default 7: about half an hour)
  --quick       one short round, about two minutes; the figures are rough
  --only A,B    only these: ${contenders.map(({ id }) => id).join(", ")}
  --out DIR     where the results go (default: bench/tunnels/results for a whole run, nowhere for a partial one)
  --help        this text

Exit code 1: something could not be measured, or has less than ${SHARE_NEEDED} of by hand (not judged with --quick).
`;

const full: Durations = { measureS: 4, omitS: 1, loginS: 4 };
const quick: Durations = { measureS: 1, omitS: 0, loginS: 1 };

interface Options {
  judged: boolean;
  rounds: number;
  durations: Durations;
  only: string[] | undefined;
  out: string | undefined;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 7));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error("--rounds takes 1 to 100");
  const only = values.only?.split(",");
  const unknown = only?.find((id) => !contenders.some((contender) => contender.id === id));
  if (unknown !== undefined) throw new Error(`--only: there is no "${unknown}"`);
  const whole = !values.quick && only === undefined;
  const results = fileURLToPath(new URL("results/", import.meta.url));
  return {
    judged: !values.quick,
    rounds,
    durations: values.quick ? quick : full,
    only,
    out: values.out === undefined ? (whole ? results : undefined) : resolve(values.out),
  };
}

async function measure(bench: Bench, rows: Row[], results: Results, rounds: number): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    results.ceiling.push(await ceiling(bench));
    for (const row of rows) {
      if (row.failure !== undefined) continue;
      const contender = contenders.find(({ id }) => id === row.id)!;
      // Who is first has the machine warm or cold: they take turns in that, too.
      const sides = round % 2 === 1 ? (["lethe", "hand"] as const) : (["hand", "lethe"] as const);
      for (const side of sides) {
        process.stderr.write(`round ${round} of ${rounds}: ${row.title}, ${side}\n`);
        try {
          row[side].push(await contender[side](bench));
        } catch (error) {
          row.failure = `${side}: ${error instanceof Error ? error.message : "failed"}`;
          process.stderr.write(`  ${row.failure}\n`);
          break;
        }
      }
    }
  }
}

const describeMachine = (): Record<string, unknown> => ({
  processors: cpus().length,
  model: cpus()[0]?.model ?? "",
  architecture: arch(),
  kernel: release(),
  node: process.version,
  lethe: execFileSync("git", ["rev-parse", "--short", "HEAD"], {
    encoding: "utf8",
    cwd: fileURLToPath(new URL(".", import.meta.url)),
  }).trim(),
});

/** False where a contender could not be measured or, where that is judged, is too slow. */
async function run({ judged, rounds, durations, only, out }: Options): Promise<boolean> {
  if (process.getuid?.() !== 0) throw new Error("it makes network namespaces: run it as root");
  const chosen = contenders.filter(({ id }) => only?.includes(id) ?? true);
  const rows: Row[] = chosen.map(({ id, title }) => ({ id, title, lethe: [], hand: [] }));
  const results: Results = { ceiling: [], rows };
  const loadBefore = loadavg();
  const world = await BenchWorld.open();
  let lethe: BenchLethe | undefined;
  try {
    lethe = await BenchLethe.start(world);
    const hand = await ByHand.prepare(world);
    await measure({ world, lethe, hand, durations }, rows, results, rounds);
  } finally {
    await lethe?.stop();
    await world.close();
  }
  const text = table(results);
  process.stdout.write(`\n${text}\n`);
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "table.md"), `Medians of ${rounds}.\n\n${text}\n`);
    const load = { before: loadBefore, after: loadavg() };
    const raw = { machine: describeMachine(), load, rounds, durations, ...results };
    writeFileSync(join(out, "raw.json"), `${JSON.stringify(raw, undefined, 1)}\n`);
  }
  return rows.every(({ failure }) => failure === undefined) && !(judged && shortfalls(results).length > 0);
}

let options: Options | undefined;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : "wrong options"}\n\n${usage}`);
  process.exit(2);
}
if (options === undefined) process.stdout.write(usage);
else {
  try {
    if (!(await run(options))) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : "failed"}\n`);
    process.exitCode = 1;
  }
}
