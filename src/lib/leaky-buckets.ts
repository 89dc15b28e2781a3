import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "./clock.ts";

const SLOTS = 1 << 16;

/**
 * Counts of something by a text (an address, say), in memory only: a fixed number of leaky buckets, each the time at which
 * it will be empty, found by a hash under a key made at the start: nobody reads a text out of them, and a flood makes them no
 * larger. Two texts that share a bucket (one in 65,536 pairs) share its count.
 */
export class LeakyBuckets {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #oneEachMs: number;
  readonly #key = randomBytes(32);
  readonly #emptyAt = new Float64Array(SLOTS);

  /** `burst` at one go, and then one in `oneEachMs`. */
  constructor({ clock, burst, oneEachMs }: { clock: Clock; burst: number; oneEachMs: number }) {
    this.#clock = clock;
    this.#burst = burst;
    this.#oneEachMs = oneEachMs;
  }

  /** To be asked before the work. Undefined: not now; otherwise `giveBack` is for a try that cost nothing. */
  take(text: string): { giveBack(): void } | undefined {
    const now = this.#clock.monotonic();
    const slot = createHmac("sha256", this.#key).update(text).digest().readUInt32BE(0) & (SLOTS - 1);
    const emptyAt = Math.max(now, this.#emptyAt[slot]!);
    if (emptyAt - now > (this.#burst - 1) * this.#oneEachMs) return undefined;
    this.#emptyAt[slot] = emptyAt + this.#oneEachMs;
    return {
      giveBack: () => {
        this.#emptyAt[slot]! -= this.#oneEachMs;
      },
    };
  }
}
