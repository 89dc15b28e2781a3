/** Where every part of Lethe reads the time, so that tests can move it. */
export interface Clock {
  /** Milliseconds since 1970 (UTC). May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds since an unspecified start; never goes back, whatever happens to the machine's clock. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A clock that stands still until it is told to move. For tests. */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Time passes: both readings go on by `ms`. */
  advance(ms: number): void {
    this.#now += ms;
    this.#monotonic += ms;
  }

  /** Somebody sets the machine's clock: only the wall time changes. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** Whole UTC minutes since 1970, the unit of every "until" that leaves the office. */
export const toMinutes = (ms: number): number => Math.floor(ms / 60_000);
