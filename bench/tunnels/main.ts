import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchOptions, readBenchOptions } from "../options.ts";
import { ByHand } from "./by-hand.ts";
import { type Bench, type Connected, type Contender, ceiling, contenders } from "./contenders.ts";
import { BenchLethe } from "./lethe.ts";
import { type Durations, throughput } from "./measure.ts";
import { type Results, type Row, SHARE_NEEDED, shortfalls, table } from "./results.ts";
import { BenchWorld } from "./world.ts";

const usage = `Usage: npm run bench:tunnels -- [options]

Measures each tunnel of Lethe beside the same engine configured by hand, in turns, in network namespaces.

  --rounds N    how often each connects anew (default 4: about an hour)
  --quick       one short round, about two minutes; the figures are rough
  --only A,B    only these: ${contenders.map(({ id }) => id).join(", ")}
  --out DIR     where the results go (default: bench/tunnels/results for a whole run, nowhere for a partial one)
  --help        this text

Exit code 1: something could not be measured, or has less than ${SHARE_NEEDED} of by hand (not judged with --quick).
`;

const full: Durations = { measureS: 2, omitS: 1, loginS: 4 };
const quick: Durations = { measureS: 1, omitS: 0, loginS: 1 };
/** How often ours and by hand are measured one after the other while both are connected. */
const PAIRS = { full: 8, quick: 1 };

interface Options extends BenchOptions {
  judged: boolean;
  pairs: number;
  durations: Durations;
}

function readOptions(): Options | undefined {
  const parts = contenders.map(({ id }) => id);
  const options = readBenchOptions({ parts, rounds: 4, main: import.meta.url });
  return (
    options && {
      ...options,
      judged: !options.quick,
      pairs: options.quick ? PAIRS.quick : PAIRS.full,
      durations: options.quick ? quick : full,
    }
  );
}

const SIDES = ["lethe", "hand"] as const;
type Side = (typeof SIDES)[number];

/**
 * Both sides connect; then they are measured one after the other, again and again, who is first taking turns: what the machine does
 * beside us, and it changes within seconds, meets both.
 */
async function measureRound(bench: Bench, row: Row, contender: Contender, pairs: number): Promise<void> {
  const ends: (() => Promise<unknown>)[] = [];
  const { clients, internet } = bench.world;
  try {
    const connect = (side: Side): Promise<Connected> =>
      contender[side]({ ...bench, client: clients[side], atEnd: (end) => ends.push(end) });
    const connected = { lethe: await connect("lethe"), hand: await connect("hand") };
    for (let pair = 0; pair < pairs; pair++) {
      const sides = pair % 2 === 0 ? SIDES : SIDES.toReversed();
      const found = { lethe: { up: 0, down: 0 }, hand: { up: 0, down: 0 } };
      for (const direction of ["up", "down"] as const) {
        for (const side of sides) {
          const ends = { client: clients[side], internet };
          found[side][direction] = await throughput(ends, connected[side].to, direction, bench.durations);
        }
      }
      for (const side of SIDES) row[side].rates.push(found[side]);
    }
    for (const side of SIDES) await connected[side].disconnect();
    const logins = { lethe: await connected.lethe.logins(), hand: await connected.hand.logins() };
    for (const side of SIDES) row[side].logins.push(logins[side]);
  } finally {
    for (const end of ends.toReversed()) await end().catch(() => {});
  }
}

async function measure(
  bench: Bench,
  rows: Row[],
  results: Results,
  { rounds, pairs }: Options,
): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    results.ceiling.push(await ceiling(bench));
    for (const row of rows) {
      if (row.failure !== undefined) continue;
      process.stderr.write(`round ${round} of ${rounds}: ${row.title}\n`);
      try {
        await measureRound(bench, row, contenders.find(({ id }) => id === row.id)!, pairs);
      } catch (error) {
        row.failure = error instanceof Error ? error.message : "failed";
        process.stderr.write(`  ${row.failure}\n`);
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
async function run(options: Options): Promise<boolean> {
  const { judged, rounds, pairs, durations, only, out } = options;
  if (process.getuid?.() !== 0) throw new Error("it makes network namespaces: run it as root");
  const chosen = contenders.filter(({ id }) => only?.includes(id) ?? true);
  const rows: Row[] = chosen.map(({ id, title }) => ({
    id,
    title,
    lethe: { rates: [], logins: [] },
    hand: { rates: [], logins: [] },
  }));
  const results: Results = { ceiling: [], rows };
  const loadBefore = loadavg();
  const world = await BenchWorld.open();
  let lethe: BenchLethe | undefined;
  try {
    lethe = await BenchLethe.start(world);
    const hand = await ByHand.prepare(world);
    await measure({ world, lethe, hand, durations }, rows, results, options);
  } finally {
    await lethe?.stop();
    await world.close();
  }
  const text = table(results);
  process.stdout.write(`\n${text}\n`);
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "table.md"), `Medians of ${rounds} rounds of ${pairs}.\n\n${text}\n`);
    const load = { before: loadBefore, after: loadavg() };
    const raw = { machine: describeMachine(), load, rounds, pairs, durations, ...results };
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
