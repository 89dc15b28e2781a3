import type { Clock } from "../lib/clock.ts";
import { LeakyBuckets } from "../lib/leaky-buckets.ts";
import { networkOf } from "./login-throttle.ts";

/** Accounts that a network may make at one go (a meeting where everybody joins), and then one in so long. */
const BURST = 20;
const ONE_EACH_MS = 30_000;

/**
 * Slows whoever makes accounts in great numbers: each costs a password hash, and stands in the database for a month.
 * Counts by address, in memory only. Who signs up with a good voucher need not ask.
 */
export class SignUpThrottle {
  readonly #buckets: LeakyBuckets;

  constructor(clock: Clock) {
    this.#buckets = new LeakyBuckets({ clock, burst: BURST, oneEachMs: ONE_EACH_MS });
  }

  /** To be asked before the work. Undefined: not now; otherwise `giveBack` is for a try that cost nothing. */
  take(address: string): { giveBack(): void } | undefined {
    return this.#buckets.take(networkOf(address));
  }
}
