/**
 * Keeps one child process alive: one state machine for engines (detached, may be adopted) and for worker processes.
 *
 *   stopped ──start──► starting ──► running ──exits──► backing-off ──► starting …
 *      ▲                   └─refused, fails──────────────▲
 *      └────────────── stopping ◄──stop── (any of these)
 */
export type ChildState = "stopped" | "starting" | "running" | "backing-off" | "stopping";

/** A process that lives now, however it was come by. */
export interface RunningChild {
  pid: number;
  /** Resolves when the process is gone: with its exit code where we were its parent and it had one. Never rejects. */
  exited: Promise<number | undefined>;
  /** Asks it to end (SIGTERM); `kill` ends it (SIGKILL). Both do nothing where it is gone. */
  terminate(): void;
  kill(): void;
}

export interface SuperviseOptions<Refused extends string> {
  /** Starts or adopts the process; answers with a word where it cannot be started at the moment (tried again later). */
  start: () => Promise<RunningChild | Refused>;
  /** Called after every change of state. */
  onState?: (state: ChildState) => void;
  onExit?: (exitCode: number | undefined) => void;
  /** Delay before the first restart; each further one is twice as long, up to `longestDelayMs`. */
  shortestDelayMs?: number;
  longestDelayMs?: number;
  /** After running for so long the delay starts from the shortest again. */
  steadyMs?: number;
  /** From SIGTERM to SIGKILL. */
  graceMs?: number;
}

export class Supervised<Refused extends string = never> {
  readonly #options: SuperviseOptions<Refused>;
  readonly #shortestMs: number;
  #state: ChildState = "stopped";
  #refused: Refused | undefined;
  #child: RunningChild | undefined;
  #delayMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** Rises with every start and stop: what belongs to an earlier life finds that it is out of date and does nothing. */
  #life = 0;
  #starting: Promise<void> = Promise.resolve();

  constructor(options: SuperviseOptions<Refused>) {
    this.#options = options;
    this.#shortestMs = options.shortestDelayMs ?? 250;
    this.#delayMs = this.#shortestMs;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Why the last try to start was refused; nothing once it runs. */
  get refused(): Refused | undefined {
    return this.#refused;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#state !== "stopped") return;
    this.#delayMs = this.#shortestMs;
    this.#starting = this.#try(++this.#life);
  }

  async #try(life: number): Promise<void> {
    this.#enter("starting");
    let child: RunningChild | Refused | undefined;
    try {
      child = await this.#options.start();
    } catch {
      child = undefined;
    }
    if (life !== this.#life) {
      // Stopped while it was being started.
      if (typeof child === "object") await endChild(child, this.#options.graceMs);
      return;
    }
    if (typeof child !== "object") {
      this.#refused = child;
      this.#backOff(life);
      return;
    }
    this.#refused = undefined;
    this.#child = child;
    this.#enter("running");
    const steady = setTimeout(() => {
      this.#delayMs = this.#shortestMs;
    }, this.#options.steadyMs ?? 10_000);
    steady.unref();
    void child.exited.then((exitCode) => {
      clearTimeout(steady);
      if (life !== this.#life) return;
      this.#child = undefined;
      this.#options.onExit?.(exitCode);
      this.#backOff(life);
    });
  }

  #backOff(life: number): void {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, this.#options.longestDelayMs ?? 30_000);
    this.#timer = setTimeout(() => {
      if (life === this.#life) this.#starting = this.#try(life);
    }, delayMs);
    this.#enter("backing-off");
  }

  /** Ends the process and waits until it is gone. A `start` afterwards begins anew. */
  async stop(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#life++;
    clearTimeout(this.#timer);
    const child = this.#child;
    this.#child = undefined;
    this.#refused = undefined;
    this.#enter("stopping");
    await this.#starting;
    if (child !== undefined) await endChild(child, this.#options.graceMs);
    this.#enter("stopped");
  }

  /** Lets go of the process without ending it. */
  release(): void {
    this.#life++;
    clearTimeout(this.#timer);
    this.#child = undefined;
    this.#enter("stopped");
  }

  #enter(state: ChildState): void {
    this.#state = state;
    this.#options.onState?.(state);
  }
}

/** SIGTERM, after `graceMs` (3 s unless told) SIGKILL; resolves when the process is gone. */
export async function endChild(child: RunningChild, graceMs = 3000): Promise<void> {
  child.terminate();
  const timer = setTimeout(() => child.kill(), graceMs);
  await child.exited;
  clearTimeout(timer);
}
