import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a process of the benchmark can be asked to do: one argument, one answer. */
// biome-ignore lint/suspicious/noExplicitAny: the tasks' own types are what callers see
type Tasks = Record<string, (argument: any) => unknown>;

interface Asked {
  id: number;
  task: string;
  argument: unknown;
}
type Answered = { id: number; value: unknown } | { id: number; problem: string };

/** Answers what the parent asks; to be called once, by the forked module. */
export function answerParent(tasks: Tasks): void {
  process.on("message", async ({ id, task, argument }: Asked) => {
    try {
      process.send?.({ id, value: await tasks[task]!(argument) } satisfies Answered);
    } catch (error) {
      process.send?.({ id, problem: error instanceof Error ? (error.stack ?? error.message) : "failed" });
    }
  });
  process.once("disconnect", () => process.exit(0));
  // Ctrl-C reaches all of the terminal; the parent ends us.
  process.on("SIGINT", () => {});
}

/** A process of the benchmark's own, ended with it at the latest. */
export class Worker<Its extends Tasks> {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #nextId = 1;
  #stopping = false;

  /** `module`: a file of this folder. */
  constructor(module: string, options: { execArgv?: string[] } = {}) {
    this.#name = module;
    this.#child = fork(fileURLToPath(new URL(module, import.meta.url)), {
      // Sources are read and stripped of types; node:sqlite says that it is new.
      execArgv: ["--no-warnings", ...(options.execArgv ?? [])],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    process.once("exit", this.#kill);
    this.#child.on("message", (answer: Answered) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("problem" in answer) waiting?.reject(new Error(`${module}: ${answer.problem}`));
      else waiting?.resolve(answer.value);
    });
    this.#child.once("exit", (code, signal) => {
      process.off("exit", this.#kill);
      if (!this.#stopping && code !== 0)
        process.stderr.write(`bench: ${module} ended with ${signal ?? code}\n`);
      for (const { reject } of this.#waiting.values()) reject(new Error(`${module} ended`));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  ask<Task extends keyof Its & string>(
    task: Task,
    ...argument: Parameters<Its[Task]>
  ): Promise<Awaited<ReturnType<Its[Task]>>> {
    if (!this.#child.connected) return Promise.reject(new Error(`${this.#name} ended`));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, task, argument: argument[0] } satisfies Asked);
    });
  }

  /** Ends it as it is, in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#kill();
    await ended;
  }

  readonly #kill = (): void => void this.#child.kill("SIGKILL");
}
