import type { Clock } from "../lib/clock.ts";

/** The time as the office signed it last, plus what has passed since by a clock that nobody sets. */
export class SignedTime {
  readonly #clock: Clock;
  #ms = 0;
  /** The monotonic reading that it belongs to. */
  #at = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nowMs(): number {
    return this.#ms + (this.#clock.monotonic() - this.#at);
  }

  set(ms: number): void {
    this.#ms = ms;
    this.#at = this.#clock.monotonic();
  }
}
