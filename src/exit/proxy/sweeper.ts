import { LiveList, type Place } from "./live-list.ts";

/** Something that ends by itself unless it is renewed. */
export interface Expiring {
  /** In milliseconds of `performance.now()`. */
  deadlineMs: number;
  /** Called once, after which the sweeper has forgotten it. */
  expire(): void;
  /** The sweeper's own. */
  watched?: Place<Expiring> | undefined;
}

/**
 * All deadlines of a process on one coarse timer: renewing one is an assignment, where a timer a socket would cost a
 * call a read. An expiry comes up to one tick late.
 */
export class Sweeper {
  /** `performance.now()` as of the last tick: near enough for idle deadlines. */
  nowMs = performance.now();
  readonly #watched = new LiveList<Expiring>();
  readonly #timer: NodeJS.Timeout;

  constructor(tickMs = 250) {
    this.#timer = setInterval(() => this.sweep(), tickMs).unref();
  }

  add(one: Expiring): void {
    one.watched ??= this.#watched.add(one);
  }

  delete(one: Expiring): void {
    if (one.watched) this.#watched.delete(one.watched);
    one.watched = undefined;
  }

  sweep(): void {
    this.nowMs = performance.now();
    for (const one of this.#watched.filter(({ deadlineMs }) => deadlineMs <= this.nowMs)) {
      // Another's expiry may have been its end.
      if (!one.watched) continue;
      this.delete(one);
      one.expire();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const one of this.#watched.filter(() => true)) this.delete(one);
  }
}
