import { createHmac, randomBytes } from "node:crypto";
import { VOUCHER_CHARACTERS, type Vouchers } from "../billing/vouchers.ts";
import type { Clock } from "../lib/clock.ts";
import { plainCode } from "../lib/typed-code.ts";

type Outcome = Awaited<ReturnType<Vouchers["redeem"]>>;

const KEEP_MS = 10 * 60_000;
const MOST = 10_000;

/**
 * A voucher's form sent twice is one redemption, told twice. The store cannot know that the second try is the first one's
 * echo, since it does not keep who used a voucher; so the last ten minutes' successes are remembered here, in memory,
 * under a key that dies with the process.
 */
export class Redemptions {
  readonly #vouchers: Vouchers;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  /** Oldest first. */
  readonly #recent = new Map<string, { atMs: number; outcome: Promise<Outcome> }>();

  constructor(vouchers: Vouchers, clock: Clock) {
    this.#vouchers = vouchers;
    this.#clock = clock;
  }

  /** As `vouchers.redeem`; `again` where this account has just redeemed this very code. */
  async redeem(accountId: string, code: string): Promise<{ outcome: Outcome; again: boolean }> {
    const nowMs = this.#clock.monotonic();
    for (const [key, { atMs }] of this.#recent) {
      if (nowMs - atMs < KEEP_MS && this.#recent.size < MOST) break;
      this.#recent.delete(key);
    }
    const key = createHmac("sha256", this.#key)
      .update(`${accountId} ${plainCode(code, VOUCHER_CHARACTERS)}`)
      .digest("base64");
    const before = this.#recent.get(key);
    if (before !== undefined) return { outcome: await before.outcome, again: true };
    const outcome = this.#vouchers.redeem(accountId, code);
    this.#recent.set(key, { atMs: nowMs, outcome });
    const done = await outcome.catch((error: unknown) => {
      this.#recent.delete(key);
      throw error;
    });
    if (!done.ok) this.#recent.delete(key);
    return { outcome: done, again: false };
  }
}
