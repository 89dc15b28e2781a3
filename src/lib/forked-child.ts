import { type ChildProcess, fork } from "node:child_process";
import type { Server } from "node:net";
import type { Log } from "./event-log.ts";

const FIRST_BACK_OFF_MS = 250;
const LONGEST_BACK_OFF_MS = 30_000;
/** Who lived so long starts again without delay. */
const HEALTHY_MS = 60_000;

export interface ForkedChildOptions {
  /** The module to run, an absolute path. */
  module: string;
  /** Words that say which of the module's parts to be; everybody on the machine can read them. */
  args?: readonly string[];
  log: Log;
  /** Called for every life of the child, the first and each after a crash: says what it has to know. */
  onStart: (child: ForkedChild) => void;
  /** What the child says; the caller checks it. */
  onMessage: (message: unknown) => void;
  /** The child ended without being told to; it is started again after a doubling back-off. */
  onCrash?: () => void;
}

/**
 * A Node process of ours that is kept running: forked with an IPC channel, started again with a doubling back-off when it
 * ends, and ended with us. It inherits our environment's PATH and nothing else of it.
 */
export class ForkedChild {
  readonly #options: ForkedChildOptions;
  #child: ChildProcess | undefined;
  #backOffMs = FIRST_BACK_OFF_MS;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: ForkedChildOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#stopping = false;
    const { module, args = [], log, onStart, onMessage, onCrash } = this.#options;
    const child = fork(module, args, {
      execArgv: ["--no-warnings", "--disable-sigusr1"],
      env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
      serialization: "json",
    });
    const startedMs = performance.now();
    this.#child = child;
    child.on("message", (message) => onMessage(message));
    // A message to a child that is just ending: its end is handled below.
    child.on("error", () => {});
    child.on("exit", (exitCode) => {
      if (this.#child === child) this.#child = undefined;
      if (this.#stopping) return;
      if (performance.now() - startedMs > HEALTHY_MS) this.#backOffMs = FIRST_BACK_OFF_MS;
      log("process-crashed", { exitCode: exitCode ?? -1 });
      onCrash?.();
      log("process-restarting", { ms: this.#backOffMs });
      this.#timer = setTimeout(() => this.start(), this.#backOffMs);
      this.#backOffMs = Math.min(this.#backOffMs * 2, LONGEST_BACK_OFF_MS);
    });
    onStart(this);
  }

  /** Says something to the child; a child that is just ending or not running does not hear it. */
  send(message: object): void {
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  /** Hands a listening socket to the child (lib/hand-over.ts) with `message`. Ours is closed, whether it was heard or not. */
  hand(message: object, server: Server): void {
    if (this.#child?.connected) this.#child.send(message, server, () => server.close());
    else server.close();
  }

  /**
   * Ends the child for good: `message` first where one is given (SIGTERM otherwise), SIGKILL after `timeoutMs`.
   * Resolves when it is gone.
   */
  async stop(timeoutMs: number, message?: object): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (message) this.send(message);
    else child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    await gone;
    clearTimeout(timer);
  }
}
