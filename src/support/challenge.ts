import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";

/**
 * What the contact form asks of a visitor, so that sending in great numbers is dear. With scripts the browser works for about a
 * second (a hash with a number of leading zeros); without them the visitor answers a sum in words, and the form is taken only
 * some seconds after it was opened. Nothing is remembered of a challenge: it authenticates itself, and a ticket that was opened
 * with one is found by it (ticket-key.ts).
 */

/** 2¹⁸ hashes on average: half a second on a desktop, some seconds on an old phone. */
export const WORK_BITS = 18;
/** Long enough to write the letter with pauses. */
export const CHALLENGE_LIFETIME_S = 4 * 3600;
/** Who reads and answers is not faster; who wants to send a thousand waits. */
export const WAIT_S = 10;

/** `forged`: not ours or altered. `stale`: too old. `early`, `wrong`: without scripts: sent too soon, another sum. */
export type ChallengeProblem = "forged" | "stale" | "early" | "wrong";

export type ChallengeAnswer = { kind: "work"; id: string } | { kind: "sum"; id: string };

const ID = 16;
const MAC = 16;
const BYTES = ID + 4 + MAC;

/** In which the sum is asked for. */
export const NUMBER_WORDS = [
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
  "eleven",
  "twelve",
  "thirteen",
  "fourteen",
  "fifteen",
  "sixteen",
  "seventeen",
  "eighteen",
  "nineteen",
  "twenty",
] as const;

export class Challenges {
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  /** How many zeros a hash must begin with. */
  readonly bits: number;

  /** `secret`: 32 bytes that all offices of the site have, so that each takes the others' forms. `bits`: fewer for tests. */
  constructor(secret: Uint8Array, clock: Clock, bits = WORK_BITS) {
    this.bits = bits;
    this.#key = deriveKey(secret, "lethe contact challenge");
    this.#clock = clock;
  }

  /**
   * A challenge as text for a hidden field, and the sum in words: that of `before` once more, where it is ours and not too old,
   * otherwise a fresh one.
   */
  issue(before?: string): { challenge: string; sum: readonly [string, string] } {
    const known = before === undefined ? undefined : this.#ours(before);
    const bytes = known !== undefined && !this.#isStale(known) ? known : this.#fresh();
    const [a, b] = this.#sumOf(bytes);
    return { challenge: bytes.toString("base64url"), sum: [NUMBER_WORDS[a - 1]!, NUMBER_WORDS[b - 1]!] };
  }

  #fresh(): Buffer {
    const bytes = Buffer.alloc(BYTES);
    randomBytes(ID).copy(bytes);
    bytes.writeUInt32BE(Math.floor(this.#clock.now() / 1000), ID);
    this.#mac(bytes).copy(bytes, ID + 4);
    return bytes;
  }

  /** Of a challenge that is ours and not too old, whatever was answered. */
  idOf(challenge: string): string | undefined {
    const bytes = this.#ours(challenge);
    if (bytes === undefined || this.#isStale(bytes)) return undefined;
    return bytes.subarray(0, ID).toString("base64url");
  }

  /** `work`: the counter that a script found; `sum`: what a visitor typed. `id` names the form for good. */
  check(answer: { challenge: string; work: string; sum: string }): ChallengeAnswer | ChallengeProblem {
    const bytes = this.#ours(answer.challenge);
    if (bytes === undefined) return "forged";
    const id = bytes.subarray(0, ID).toString("base64url");
    if (this.#isStale(bytes)) return "stale";
    if (answer.work !== "" && worked(answer.challenge, answer.work, this.bits)) return { kind: "work", id };
    const [a, b] = this.#sumOf(bytes);
    if (!isSum(answer.sum, a + b)) return "wrong";
    return this.#ageS(bytes) < WAIT_S ? "early" : { kind: "sum", id };
  }

  #ageS(bytes: Buffer): number {
    return Math.floor(this.#clock.now() / 1000) - bytes.readUInt32BE(ID);
  }

  /** A minute into the future: another office's clock. */
  #isStale(bytes: Buffer): boolean {
    const ageS = this.#ageS(bytes);
    return ageS > CHALLENGE_LIFETIME_S || ageS < -60;
  }

  #ours(challenge: string): Buffer | undefined {
    const bytes = Buffer.from(challenge, "base64url");
    if (bytes.length !== BYTES || bytes.toString("base64url") !== challenge) return undefined;
    return timingSafeEqual(this.#mac(bytes), bytes.subarray(ID + 4)) ? bytes : undefined;
  }

  #mac(bytes: Buffer): Buffer {
    return createHmac("sha256", this.#key)
      .update(bytes.subarray(0, ID + 4))
      .digest()
      .subarray(0, MAC);
  }

  #sumOf(bytes: Buffer): [number, number] {
    const digest = createHmac("sha256", this.#key).update("sum").update(bytes.subarray(0, ID)).digest();
    return [1 + (digest[0]! % NUMBER_WORDS.length), 1 + (digest[1]! % NUMBER_WORDS.length)];
  }
}

/** SHA-256 of the challenge, a dot and the counter in decimals begins with `bits` zeros. */
export function worked(challenge: string, counter: string, bits: number): boolean {
  if (!/^\d{1,15}$/.test(counter)) return false;
  const digest = createHash("sha256").update(`${challenge}.${counter}`).digest();
  return digest.readUInt32BE() >>> (32 - bits) === 0;
}

/** In digits or, since the question is in words, in a word. */
function isSum(text: string, sum: number): boolean {
  const typed = text.trim().toLowerCase();
  return typed === String(sum) || (sum <= NUMBER_WORDS.length && typed === NUMBER_WORDS[sum - 1]);
}
