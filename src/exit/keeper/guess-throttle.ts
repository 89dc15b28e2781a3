import { hash, randomBytes } from "node:crypto";

/** Wrong tries of one address at one name before it is slowed, and how long each counts. */
const PAIR = { slots: 1 << 20, burst: 10, forgetMs: 6000 };
/** Wrong tries at one name from anywhere before every address gets one only. */
const NAME = { slots: 1 << 18, burst: 100, forgetMs: 600 };
const UNIT_MS = 100;

/**
 * Slows guessing without locking anybody out: ten wrong tries of an address at a name, then one every six seconds. A
 * name that is tried wrongly from everywhere leaves each address a single wrong try, but a member who has made none still gets in.
 *
 * Memory is fixed and nothing can fill it: tags, keyed with a key that dies with the process, choose two slots in a table
 * of counters that drain by themselves (a count-min sketch of leaky buckets); the lower one counts. Strangers' tags
 * falling together slow somebody more, never less; at 20,000 wrong tries a second the larger table drains faster than it fills.
 */
export class GuessThrottle {
  #key = randomBytes(32);
  #pairs = new Leaks(PAIR);
  #names = new Leaks(NAME);

  /** The address is kept nowhere but in the tag. IPv6 addresses of one /64 are one. */
  tag(address: string, name: string): GuessTag {
    return {
      pair: this.#slots(`${network(address)}\0${name}`),
      name: this.#slots(name),
    };
  }

  slowed(tag: GuessTag, nowMs: number): boolean {
    const burst = this.#names.level(tag.name, nowMs) >= NAME.burst ? 1 : PAIR.burst;
    return this.#pairs.level(tag.pair, nowMs) >= burst;
  }

  wrong(tag: GuessTag, nowMs: number): void {
    this.#pairs.add(tag.pair, nowMs);
    this.#names.add(tag.name, nowMs);
  }

  #slots(text: string): Slots {
    // The key goes first and the digest stays inside: nobody can lengthen what was hashed.
    const digest = hash("sha256", Buffer.concat([this.#key, Buffer.from(text)]), "buffer");
    return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
  }
}

type Slots = [number, number];
export interface GuessTag {
  pair: Slots;
  name: Slots;
}

/** Leaky buckets as the time at which each will be empty (the "theoretical arrival time" of GCRA), in units of 100 ms. */
class Leaks {
  #emptyAt: Uint32Array;
  #forget: number;

  constructor(options: { slots: number; forgetMs: number }) {
    this.#emptyAt = new Uint32Array(options.slots);
    this.#forget = options.forgetMs / UNIT_MS;
  }

  /** How many tries are still held against it. */
  level([a, b]: Slots, nowMs: number): number {
    const now = nowMs / UNIT_MS;
    const mask = this.#emptyAt.length - 1;
    const emptyAt = Math.min(this.#emptyAt[a & mask]!, this.#emptyAt[b & mask]!);
    return Math.max(0, Math.ceil((emptyAt - now) / this.#forget));
  }

  add([a, b]: Slots, nowMs: number): void {
    const now = Math.ceil(nowMs / UNIT_MS);
    const mask = this.#emptyAt.length - 1;
    const first = a & mask;
    const second = b & mask;
    const lower = Math.min(this.#emptyAt[first]!, this.#emptyAt[second]!);
    const emptyAt = Math.max(now, lower) + this.#forget;
    this.#emptyAt[first] = Math.max(this.#emptyAt[first]!, emptyAt);
    this.#emptyAt[second] = Math.max(this.#emptyAt[second]!, emptyAt);
  }
}

/** An IPv4 address as it is, of an IPv6 address the first four groups: one customer has a whole /64. */
function network(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = address.lastIndexOf(":") + 1;
  if (address.includes(".")) return address.slice(mapped);
  const [head = "", tail] = address.toLowerCase().split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  if (tail !== undefined) while (first.length + last.length < 8) first.push("0");
  return [...first, ...last]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
