import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { networkOf } from "./login-throttle.ts";

/** Accounts that a network may make at one go (a meeting where everybody joins), and then one in so long. */
const BURST = 20;
const ONE_EACH_MS = 30_000;
const SLOTS = 1 << 16;

/**
 * Slows whoever makes accounts in great numbers: each costs a password hash, and stands in the database for a month.
 * Counts by address, in memory only: a fixed number of leaky buckets (each holds the time at which it will be empty), found
 * by a hash under a key made at the start. Who signs up with a good voucher need not ask.
 */
export class SignUpThrottle {
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  readonly #emptyAt = new Float64Array(SLOTS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be asked before the work. Undefined: not now; otherwise `giveBack` is for a try that cost nothing. */
  take(address: string): { giveBack(): void } | undefined {
    const now = this.#clock.monotonic();
    const slot =
      createHmac("sha256", this.#key).update(networkOf(address)).digest().readUInt32BE(0) & (SLOTS - 1);
    const emptyAt = Math.max(now, this.#emptyAt[slot]!);
    if (emptyAt - now > (BURST - 1) * ONE_EACH_MS) return undefined;
    this.#emptyAt[slot] = emptyAt + ONE_EACH_MS;
    return {
      giveBack: () => {
        this.#emptyAt[slot]! -= ONE_EACH_MS;
      },
    };
  }
}
