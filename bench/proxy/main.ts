import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchOptions, readBenchOptions } from "../options.ts";
import { checkContender } from "./check.ts";
import { type Contender, contenders, login, turnFolder } from "./contenders.ts";
import { type Route, startTarget, type Traffic } from "./load.ts";
import { type Durations, type Turn, takeTurn } from "./measure.ts";
import { type DebianPackage, missing, programs, versions } from "./packages.ts";
import { figuresTable, medians, type Row, verdicts } from "./table.ts";

const usage = `Usage: npm run bench:proxy -- [options]

Measures our SOCKS5 and HTTP CONNECT beside Dante, Squid, microsocks and tinyproxy on loopback, in turns.

  --rounds N    how often each takes its turn (default 5: about 8 minutes)
  --quick       one short round, about a minute; the figures are rough
  --only A,B    only these: direct, ${contenders.map(({ id }) => id).join(", ")}
  --out DIR     where the results go (default: bench/proxy/results for a whole run, nowhere for a partial one)
  --help        this text
`;

const full: Durations = { warmMs: 300, measureMs: 2000, idleTunnels: 1000, settleMs: 700 };
const quick: Durations = { warmMs: 200, measureMs: 700, idleTunnels: 1000, settleMs: 300 };

interface Options extends BenchOptions {
  durations: Durations;
}

function readOptions(): Options | undefined {
  const parts = ["direct", ...contenders.map(({ id }) => id)];
  const options = readBenchOptions({ parts, rounds: 5, main: import.meta.url });
  return options && { ...options, durations: options.quick ? quick : full };
}

/** Leaves out, with a word, what cannot run here: no root (Dante reads passwords as root), or a package missing. */
function chooseContenders(only: string[] | undefined): Contender[] {
  const wanted = contenders.filter(({ id }) => only === undefined || only.includes(id));
  const packages: DebianPackage[] = ["luajit", ...wanted.flatMap((each) => each.package ?? [])];
  const absent = missing(packages);
  const root = process.getuid?.() === 0;
  if (absent.length > 0) {
    console.log(
      `Not installed, and left out: ${absent.join(", ")}. As root, npm run bench:proxy installs them.`,
    );
    if (absent.includes("luajit")) throw new Error("without luajit there is no load");
  }
  if (!root)
    console.log(
      "Not root: Dante is left out (it reads passwords as root), peers' memory may not be readable.",
    );
  return wanted.filter(
    (each) => (each.package === undefined || !absent.includes(each.package)) && (root || each.id !== "dante"),
  );
}

async function contenderTurn(
  contender: Contender,
  folder: string,
  target: Traffic & { port: number },
  content: Buffer,
  durations: Durations,
): Promise<Turn> {
  const running = await contender.start(folder);
  try {
    const route: Route = {
      protocol: contender.protocol,
      port: running.port,
      targetPort: target.port,
      login,
    };
    await checkContender(route, content);
    return await takeTurn(route, running.pids, target.pid, durations);
  } finally {
    await running.stop();
  }
}

function describeMachine(): Record<string, unknown> {
  return {
    processors: cpus().length,
    model: cpus()[0]?.model ?? "",
    architecture: arch(),
    kernel: release(),
    node: process.version,
    lethe: execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    }).trim(),
    packages: versions(Object.keys(programs) as DebianPackage[]),
  };
}

function writeResults(folder: string, summary: string, raw: unknown): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "table.md"), summary);
  writeFileSync(join(folder, "raw.json"), `${JSON.stringify(raw, undefined, 1)}\n`);
  const peers = fileURLToPath(new URL("peers/", import.meta.url));
  mkdirSync(join(folder, "peers"), { recursive: true });
  for (const name of readdirSync(peers)) copyFileSync(join(peers, name), join(folder, "peers", name));
}

/** False where a contender could not be measured; too slow is no failure. */
async function run(options: Options): Promise<boolean> {
  const chosen = chooseContenders(options.only);
  const direct = options.only === undefined || options.only.includes("direct");
  const runFolder = mkdtempSync(join(tmpdir(), "lethe-bench-"));
  chmodSync(runFolder, 0o711);
  const remove = (): void => rmSync(runFolder, { recursive: true, force: true });
  process.once("exit", remove); // also where a signal ends us
  try {
    const content = randomBytes(4 * 2 ** 20);
    writeFileSync(join(runFolder, "content"), content);
    const target = await startTarget(join(runFolder, "content"));
    let rows: Row[] = [];
    const failures: string[] = [];
    if (direct) rows.push({ id: "direct", title: "direct, no proxy", ours: false, turns: [] });
    for (const { id, title, ours } of chosen) rows.push({ id, title, ours, turns: [] });
    for (let round = 1; round <= options.rounds; round++) {
      for (const row of rows) {
        process.stderr.write(`round ${round} of ${options.rounds}: ${row.title}\n`);
        const contender = chosen.find(({ id }) => id === row.id);
        if (contender === undefined) {
          const route: Route = { protocol: "direct", port: target.port, targetPort: target.port, login };
          row.turns.push(await takeTurn(route, [], target.pid, options.durations));
        } else {
          const folder = turnFolder(runFolder, `${row.id}-${round}`);
          try {
            row.turns.push(await contenderTurn(contender, folder, target, content, options.durations));
          } catch (error) {
            // The others' figures are still worth having; a contender that fails once is not measured again.
            failures.push(`${row.title}: ${error instanceof Error ? error.message : "failed"}`);
            process.stderr.write(`  ${failures.at(-1)}\n`);
            rows = rows.filter((other) => other !== row);
          }
        }
      }
    }
    await target.stop();
    const verdict = verdicts(rows);
    const summary = [
      `Medians of ${options.rounds}; in brackets the ratio to the best peer, above 1 is better than every peer.`,
      "",
      figuresTable(rows),
      "",
      ...(verdict === undefined
        ? []
        : ["Needed are Dante's figure in every column and Squid's in GB/s:", "", verdict, ""]),
      ...failures.map((failure) => `Not measured: ${failure}\n`),
    ].join("\n");
    process.stdout.write(`\n${summary}`);
    if (options.out !== undefined) {
      const { durations, rounds } = options;
      writeResults(options.out, summary, {
        machine: describeMachine(),
        rounds,
        durations,
        medians: medians(rows),
        turns: rows.map(({ id, turns }) => ({ id, turns })),
      });
    }
    return failures.length === 0;
  } finally {
    remove();
  }
}

let options: Options | undefined;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : "wrong options"}\n\n${usage}`);
  process.exit(2);
}
if (options === undefined) {
  process.stdout.write(usage);
} else {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  try {
    if (!(await run(options))) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : "failed"}\n`);
    process.exitCode = 1;
  }
}
