import { createHmac, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Clock } from "../lib/clock.ts";

/** Wrong passwords before anybody has to wait. */
const FREE_TRIES = 5;
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Nothing is remembered for longer than this after the last try. */
const FORGET_MS = 15 * 60_000;
const OVERFLOW_SLOTS = 4096;

export type Attempt = { allowed: true; succeeded(): void } | { allowed: false; retryAfterS: number };

interface Tries {
  count: number;
  lastMs: number;
}

/**
 * Slows whoever guesses passwords of the member area. Counts, in memory only, by account name and address together: a
 * stranger's guesses never keep the member out, who comes from another address. The keys are HMACs under a key made at
 * the start, so that the table tells nobody who tried. It is bounded; where it is full of fresh counts, new pairs are
 * counted by address alone in a fixed number of slots, so that a flood slows down rather than opens up.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #key = randomBytes(32);
  /** Oldest try first. */
  readonly #tries = new Map<string, Tries>();
  readonly #overflow: Tries[] = Array.from({ length: OVERFLOW_SLOTS }, () => ({ count: 0, lastMs: 0 }));

  constructor(options: { clock: Clock; capacity?: number }) {
    this.#clock = options.clock;
    this.#capacity = options.capacity ?? 50_000;
  }

  /**
   * To be asked before a password is checked. The try counts as wrong from now on, so that many at the same moment do not
   * slip through together; `succeeded` takes that back. `address` is the client's, as text.
   */
  attempt(name: string, address: string): Attempt {
    const now = this.#clock.monotonic();
    const network = networkOf(address);
    const key = this.#tag(`pair ${name.toLowerCase()} ${network}`).toString("base64");
    const tries = this.#triesOf(key, network, now);
    if (now - tries.lastMs > FORGET_MS) tries.count = 0;
    const waitMs = waitAfter(tries.count);
    const readyAt = tries.lastMs + waitMs;
    if (now < readyAt) return { allowed: false, retryAfterS: Math.ceil((readyAt - now) / 1000) };
    tries.count++;
    tries.lastMs = now;
    if (this.#tries.get(key) === tries) {
      this.#tries.delete(key);
      this.#tries.set(key, tries);
    }
    return {
      allowed: true,
      succeeded: () => {
        // In a shared slot only this try is taken back, or whoever has an account could guess at others' for ever.
        if (this.#tries.get(key) === tries) this.#tries.delete(key);
        else tries.count = Math.max(0, tries.count - 1);
      },
    };
  }

  #triesOf(key: string, network: string, now: number): Tries {
    const known = this.#tries.get(key);
    if (known !== undefined) return known;
    for (const [old, { lastMs }] of this.#tries) {
      if (now - lastMs <= FORGET_MS) break;
      this.#tries.delete(old);
    }
    if (this.#tries.size >= this.#capacity) {
      const slot = this.#tag(`network ${network}`).readUInt32BE(0) % OVERFLOW_SLOTS;
      return this.#overflow[slot]!;
    }
    const fresh = { count: 0, lastMs: now };
    this.#tries.set(key, fresh);
    return fresh;
  }

  #tag(what: string): Buffer {
    return createHmac("sha256", this.#key).update(what).digest().subarray(0, 16);
  }
}

function waitAfter(wrongTries: number): number {
  return wrongTries < FREE_TRIES
    ? 0
    : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(wrongTries - FREE_TRIES, 20));
}

/** An IPv4 address as it is; of an IPv6 address the first 64 bits, since one household has them all. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^(?:0*:)*:?(?:0*:)*ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array<string>(missing).fill("0"), ...last];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
