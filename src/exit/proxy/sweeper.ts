/** Something that ends by itself unless it is renewed. */
export interface Expiring {
  /** In milliseconds of `performance.now()`. */
  deadlineMs: number;
  /** Called once, after which the sweeper has forgotten it. */
  expire(): void;
}

/**
 * All deadlines of a process on one coarse timer: renewing one is an assignment, where a timer a socket would cost a
 * call a read. An expiry comes up to one tick late.
 */
export class Sweeper {
  /** `performance.now()` as of the last tick: near enough for idle deadlines. */
  nowMs = performance.now();
  readonly #watched = new Set<Expiring>();
  readonly #timer: NodeJS.Timeout;

  constructor(tickMs = 250) {
    this.#timer = setInterval(() => this.sweep(), tickMs).unref();
  }

  add(one: Expiring): void {
    this.#watched.add(one);
  }

  delete(one: Expiring): void {
    this.#watched.delete(one);
  }

  sweep(): void {
    this.nowMs = performance.now();
    for (const one of this.#watched) {
      if (one.deadlineMs > this.nowMs) continue;
      this.#watched.delete(one);
      one.expire();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watched.clear();
  }
}
