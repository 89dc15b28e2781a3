/** The office is asked for its newest header at least so often, so that a carrier cannot keep one from us for longer. */
const ASK_MS = 60_000;
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/**
 * How long exits wait at random that all hear of the same thing: at least so long at most, and with each four minutes in which
 * they were out of touch a second more. What an exit has missed, and so what its questions cost, grows with that time; half a
 * second is what an operator's word to end an account can spare when the office is back after a restart (reconnect-waits.ts).
 * 200 exits that missed 50 changes of 100,000 accounts all have them 1.3 s after the office's return. 1,000 that missed 500 of a
 * million are too many for half a second: some of their questions time out and come again, and the last has all after 80 s, where
 * it was 44 s when all of them waited up to 30 (docs/scaling.md).
 */
const LEAST_JITTER_MS = 500;
const JITTER_SHARE = 1 / 240;

export interface SyncScheduleOptions {
  /** Asks the office once. */
  sync: () => Promise<void>;
  /** What `sync` threw; it is tried again by itself. */
  failed: (error: unknown) => void;
  /** Called before each of the regular times. */
  due: () => void;
  /** How long ago the exit had all that the office had; undefined where it has no roster that holds: then there is a hurry. */
  behindMs: () => number | undefined;
  /** The first wait after a failure; later ones are twice as long each. */
  retryMs?: number | undefined;
  /** How long `soon` waits at the very most; 0 where nobody else asks. */
  jitterMs?: number | undefined;
}

/** When an exit asks its office: one run at a time, about every minute, and later and later after a failure. */
export class SyncSchedule {
  readonly #options: SyncScheduleOptions;
  readonly #jitterMs: number;
  readonly #firstRetryMs: number;
  #retryMs: number;
  #running = false;
  #again = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #ask: NodeJS.Timeout | undefined;

  constructor(options: SyncScheduleOptions) {
    this.#options = options;
    this.#jitterMs = options.jitterMs ?? 0;
    this.#firstRetryMs = options.retryMs ?? RETRY_MS;
    this.#retryMs = this.#firstRetryMs;
  }

  /** Begins the regular times; the first is about a minute from now. */
  start(): void {
    this.#ask = setTimeout(() => {
      this.#options.due();
      this.now();
      this.start();
    }, ASK_MS * between(0.75, 1));
    this.#ask.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#ask);
    clearTimeout(this.#soon);
    clearTimeout(this.#retry);
  }

  get running(): boolean {
    return this.#running;
  }

  /** At once; where a run goes on, once more after it. */
  now(): void {
    void this.#run();
  }

  /** For what befalls many exits at one time: at once where there is a hurry, else after a random while. */
  soon(): void {
    const behindMs = this.#options.behindMs();
    const mostMs = Math.min(this.#jitterMs, Math.max(LEAST_JITTER_MS, (behindMs ?? 0) * JITTER_SHARE));
    if (mostMs === 0 || behindMs === undefined) this.now();
    else this.#soon ??= setTimeout(() => this.now(), between(0, mostMs));
  }

  /**
   * The connection stands again: `soon`, and where the office is not behind it yet, again after a short while. The waits have
   * grown while there was nothing to ask through.
   */
  connected(): void {
    this.#retryMs = this.#firstRetryMs;
    this.soon();
  }

  async #run(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#soon);
    this.#soon = undefined;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#options.sync();
      }
      this.#retryMs = this.#firstRetryMs;
    } catch (error) {
      this.#options.failed(error);
      this.#retryLater();
    } finally {
      this.#running = false;
    }
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.now(), this.#retryMs * between(0.5, 1));
    this.#retry.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }
}

const between = (least: number, most: number): number => least + Math.random() * (most - least);
