import type { Clock } from "../lib/clock.ts";

/** How far the machine's clock may run away from the time that has passed before it is not believed. */
const APART_MS = 3_600_000;
/** How long it has to stay there: by then somebody who set it wrongly has seen that nobody gets online. */
const BELIEVED_AFTER_MS = 24 * 3_600_000;

/**
 * The time by which rows are deleted for good. A clock that is set far ahead by mistake (a broken time server, a machine
 * that was restored) must not delete every account at the next sweep: a jump forward counts once it has stood for a day.
 * What goes back counts at once, since it deletes nothing.
 */
export class SweepClock implements Clock {
  readonly #clock: Clock;
  /** Wall time minus monotonic time, as it is believed and as it was seen last. */
  #believedMs: number;
  #seenMs: number;
  #seenAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#believedMs = this.#seenMs = clock.now() - clock.monotonic();
    this.#seenAtMs = clock.monotonic();
  }

  /** To be asked at every sweep: between two of them nothing is noticed. */
  now(): number {
    const monotonic = this.#clock.monotonic();
    const offset = this.#clock.now() - monotonic;
    if (Math.abs(offset - this.#seenMs) > APART_MS) {
      this.#seenMs = offset;
      this.#seenAtMs = monotonic;
    }
    const stood = monotonic - this.#seenAtMs >= BELIEVED_AFTER_MS;
    if (offset - this.#believedMs <= APART_MS || stood) this.#believedMs = offset;
    return this.#believedMs + monotonic;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }
}
