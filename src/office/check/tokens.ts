import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { base32 } from "../../lib/base32.ts";

/**
 * The names that the page "Am I protected?" has a browser look up: 10 random bytes and 6 of an HMAC, in base32, so that the
 * responder, which remembers nothing, can tell a page's name from one that somebody made up.
 */
const RANDOM_CHARACTERS = 16;
const MAC_CHARACTERS = 10;

export const CHECK_KEY_BYTES = 32;

export function newCheckToken(key: Uint8Array): string {
  const random = base32(randomBytes(10), RANDOM_CHARACTERS);
  return random + macOf(key, random);
}

/** In any mixture of cases: resolvers change it (draft-vixie-dnsext-dns0x20). Returns it in lower case. */
export function readCheckToken(key: Uint8Array, label: string): string | undefined {
  const token = label.toLowerCase();
  if (!/^[a-z2-7]{26}$/.test(token)) return undefined;
  const expected = Buffer.from(macOf(key, token.slice(0, RANDOM_CHARACTERS)));
  return timingSafeEqual(Buffer.from(token.slice(RANDOM_CHARACTERS)), expected) ? token : undefined;
}

const macOf = (key: Uint8Array, random: string): string =>
  base32(createHmac("sha256", key).update(`check ${random}`).digest(), MAC_CHARACTERS);
