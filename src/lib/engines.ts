import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "./atomic-file.ts";
import { adopt, findByArguments, launchDetached, type ProcessIdentity, stillRuns } from "./detached.ts";
import type { Log, Part, Reason } from "./event-log.ts";
import { findProgram } from "./run-command.ts";
import { type ChildState, endChild, type RunningChild, Supervised } from "./supervise.ts";

/** One engine as it should run. */
export interface EngineSpec {
  /** `openvpn-0`: letters, digits, dashes; names the files in the engines' folder. */
  id: string;
  part: Part;
  /** Absolute path and arguments; `configurationPath(id)` stands where the engine reads its configuration. */
  argv: readonly string[];
  /** A program that prepares the process and then becomes `argv` (setpriv with its options). */
  launcher?: readonly string[];
  /** The whole configuration file: with `argv` it decides whether a running engine is the one wanted. */
  configuration: string;
  /** Where the file goes; the engines' folder unless told. */
  configurationPath?: string;
  /** Files that the engine makes (sockets): taken away with it. */
  leaves?: readonly string[];
  /** Asked before every start that is no adoption; a word refuses it until the next try. */
  prepare?: () => Promise<Reason | undefined>;
  /** A socket that we open and it gets as file 3, where it could not have it itself; closed here once it has it. */
  handOver?: () => Promise<{ fd: number; close: () => void }>;
  /** For a program that ends when its standard input does: it gets one that never ends. */
  holdsInput?: true;
  /** Polled after a start: whether it serves. Until then it is "starting"; after ten seconds it counts as running anyway. */
  ready?: () => Promise<boolean>;
}

const READY_WITHIN_MS = 10_000;
const READY_POLL_MS = 50;

interface PidRecord {
  identity: ProcessIdentity;
  hash: string;
  /** What is to be taken away with it, the configuration among it. */
  files: string[];
}

interface Engine {
  spec: EngineSpec;
  hash: string;
  supervised: Supervised<Reason>;
}

export interface EngineView {
  state: ChildState;
  refused: Reason | undefined;
  pid: number | undefined;
}

/**
 * All engines of an exit. They live in sessions of their own and outlive us; beside each configuration stands a record
 * (`<id>.pid`) of the process and of what it was started with. The next start of Lethe takes a process over whose record
 * matches what is wanted, and ends the others.
 */
export class Engines {
  readonly #folder: string;
  readonly #log: Log;
  readonly #onChange: (id: string) => void;
  readonly #engines = new Map<string, Engine>();
  readonly #shortestDelayMs: number;
  /** What an earlier life of ours left running and nobody has asked for yet. */
  readonly #left: Map<string, PidRecord>;

  constructor(options: {
    folder: string;
    log: Log;
    onChange: (id: string) => void;
    shortestDelayMs?: number;
  }) {
    this.#folder = options.folder;
    this.#log = options.log;
    this.#onChange = options.onChange;
    this.#shortestDelayMs = options.shortestDelayMs ?? 250;
    this.#left = readRecords(options.folder);
  }

  configurationPath(id: string): string {
    return `${this.#folder}/${id}.conf`;
  }

  view(id: string): EngineView | undefined {
    const engine = this.#engines.get(id);
    if (engine === undefined) return undefined;
    const { state, refused, pid } = engine.supervised;
    return { state, refused, pid };
  }

  /** Makes exactly these engines run: others end first (their ports may be wanted), changed ones start anew, equal ones go on. */
  async want(specs: readonly EngineSpec[]): Promise<void> {
    const wanted = new Map(specs.map((spec) => [spec.id, { spec, hash: hashOf(spec) }]));
    await Promise.all(
      [...this.#engines]
        .filter(([id, engine]) => wanted.get(id)?.hash !== engine.hash)
        .map(([id]) => this.#remove(id)),
    );
    await Promise.all(
      [...this.#left]
        .filter(([id, left]) => wanted.get(id)?.hash !== left.hash)
        .map(([id]) => this.#clear(id)),
    );
    for (const { spec, hash } of wanted.values()) {
      if (!this.#engines.has(spec.id)) this.#add(spec, hash);
    }
  }

  #add(spec: EngineSpec, hash: string): void {
    const supervised: Supervised<Reason> = new Supervised<Reason>({
      start: () => this.#start(spec, hash),
      shortestDelayMs: this.#shortestDelayMs,
      onState: (state) => {
        if (state === "backing-off") {
          const reason = supervised.refused;
          this.#log("engine-backing-off", { part: spec.part, ...(reason === undefined ? {} : { reason }) });
        }
        this.#onChange(spec.id);
      },
      onExit: (exitCode) =>
        this.#log("engine-exited", { part: spec.part, ...(exitCode === undefined ? {} : { exitCode }) }),
    });
    this.#engines.set(spec.id, { spec, hash, supervised });
    supervised.start();
  }

  async #start(spec: EngineSpec, hash: string): Promise<RunningChild | Reason> {
    const left = this.#left.get(spec.id);
    this.#left.delete(spec.id);
    if (left !== undefined && stillRuns(left.identity)) {
      this.#log("engine-adopted", { part: spec.part });
      return adopt(left.identity);
    }
    // One whose record was lost between its start and the writing: it holds the ports, and nobody watches it.
    await endAll(spec.argv);
    const reason = await spec.prepare?.();
    if (reason !== undefined) return reason;
    const configurationPath = spec.configurationPath ?? this.configurationPath(spec.id);
    writeFileAtomic(configurationPath, spec.configuration);
    const child = await launchWith(spec);
    writeFileAtomic(
      this.#recordPath(spec.id),
      JSON.stringify({ identity: child.identity, hash, files: this.#files(spec) } satisfies PidRecord),
    );
    this.#log("engine-started", { part: spec.part });
    await serving(child, spec.ready);
    return child;
  }

  async #remove(id: string): Promise<void> {
    const engine = this.#engines.get(id)!;
    this.#engines.delete(id);
    await engine.supervised.stop();
    await endAll(engine.spec.argv);
    this.#takeAway(id, this.#files(engine.spec));
  }

  async #clear(id: string): Promise<void> {
    const left = this.#left.get(id)!;
    this.#left.delete(id);
    if (stillRuns(left.identity)) await endChild(adopt(left.identity, 50));
    this.#takeAway(id, left.files);
  }

  #files(spec: EngineSpec): string[] {
    return [spec.configurationPath ?? this.configurationPath(spec.id), ...(spec.leaves ?? [])];
  }

  #takeAway(id: string, files: readonly string[]): void {
    for (const file of [...files, this.#recordPath(id)]) rmSync(file, { recursive: true, force: true });
  }

  /** Ends every engine, those left by an earlier life too, and takes their files away. */
  async stopAll(): Promise<void> {
    await this.want([]);
  }

  /** Lets all of them run on without us. */
  release(): void {
    for (const engine of this.#engines.values()) engine.supervised.release();
    this.#engines.clear();
  }

  #recordPath(id: string): string {
    return `${this.#folder}/${id}.pid`;
  }
}

/** A lost one has no sessions to end well, and openvpn's second process (port-share) hears no SIGTERM once the first is killed. */
const LOST_GRACE_MS = 300;

/** Ends every process with these arguments, whoever started it. */
async function endAll(argv: readonly string[]): Promise<void> {
  await Promise.all(findByArguments(argv).map((lost) => endChild(adopt(lost, 50), LOST_GRACE_MS)));
}

async function launchWith(spec: EngineSpec): ReturnType<typeof launchDetached> {
  const { argv, launcher, handOver, holdsInput } = spec;
  const given = await handOver?.();
  const input = holdsInput ? endlessInput() : undefined;
  try {
    return await launchDetached(argv, launcher, given?.fd, input);
  } finally {
    given?.close();
    if (input !== undefined) closeSync(input);
  }
}

/** Both ends of a pipe in one (fifo(7), opened for reading and writing): who has it open waits on it for ever. */
function endlessInput(): number {
  const folder = mkdtempSync(join(tmpdir(), "lethe-"));
  try {
    const pipe = join(folder, "pipe");
    execFileSync(findProgram("mkfifo")!, ["-m", "600", pipe]);
    return openSync(pipe, "r+");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until the engine serves, has ended (which is found out right after), or the time is over. */
async function serving(child: RunningChild, ready: EngineSpec["ready"]): Promise<void> {
  if (ready === undefined) return;
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  for (let waitedMs = 0; waitedMs < READY_WITHIN_MS && !ended; waitedMs += READY_POLL_MS) {
    if (await ready()) return;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

const hashOf = (spec: EngineSpec): string =>
  createHash("sha256")
    .update(JSON.stringify([spec.launcher, spec.argv, spec.configurationPath, spec.configuration]))
    .digest("hex");

function readRecords(folder: string): Map<string, PidRecord> {
  const records = new Map<string, PidRecord>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".pid")) continue;
    try {
      const { identity, hash, files } = JSON.parse(
        readFileSync(`${folder}/${file}`, "utf8"),
      ) as Partial<PidRecord>;
      if (identity === undefined || !Number.isSafeInteger(identity.pid) || identity.pid <= 1) continue;
      // Another version of Lethe may have written less: such an engine matches nothing, and is ended.
      records.set(file.slice(0, -".pid".length), { identity, hash: hash ?? "", files: files ?? [] });
    } catch {
      // Half a record says nothing; the engine is found by its arguments when it is wanted.
    }
  }
  return records;
}
