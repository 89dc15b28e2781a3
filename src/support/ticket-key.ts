import { createHmac, hkdfSync, webcrypto } from "node:crypto";
import { identityToRecipient } from "age-encryption";
import { base32 } from "../lib/base32.ts";

/**
 * A ticket's number and secret, and the key pair that follows from both. They are shown once to whoever wrote; the office keeps
 * the public key alone, which answers are encrypted to and by which a secret is known to be the right one.
 */
export interface TicketPass {
  /** 10 base32 characters: 50 bits. */
  number: string;
  /** 20 base32 characters: 100 bits. */
  secret: string;
}

const NUMBER = /^[a-z2-7]{10}$/;
const SECRET = /^[a-z2-7]{20}$/;

/** PKCS #8 around a raw X25519 key (RFC 8410 section 7): Web Crypto takes no bare one. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

/**
 * The pass of the form that bears `once`, a random text that is used for one form alone. The same form gets the same pass, so
 * that one which is sent twice opens one ticket. `key`: 32 bytes that only the office has.
 */
export function ticketPass(key: Uint8Array, once: string): TicketPass {
  const made = (what: string, length: number) =>
    base32(createHmac("sha256", key).update(`ticket ${what} ${once}`).digest(), length);
  return { number: made("number", 10), secret: made("secret", 20) };
}

/** What somebody typed, without blanks, dashes and capitals; undefined where it cannot be a ticket's. */
export function typedPass(number: string, secret: string): TicketPass | undefined {
  const pass = { number: plainNumber(number), secret: plain(secret) };
  return NUMBER.test(pass.number) && SECRET.test(pass.secret) ? pass : undefined;
}

export const plainNumber = (text: string): string => plain(text);

/** In fives, to be read out: `k3v2q-x2m4d`. */
export const grouped = (text: string): string => text.replace(/(.{5})(?=.)/g, "$1-");

/** 0, 1 and 8 are no letters of base32: who reads them means o, l and b. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[\s-]/g, "")
    .replace(/[018]/g, (digit) => ({ "0": "o", "1": "l", "8": "b" })[digit]!);

/** The ticket's private key, for age-encryption's `addIdentity`. */
export async function ticketIdentity({ number, secret }: TicketPass): Promise<webcrypto.CryptoKey> {
  const scalar = hkdfSync("sha256", secret, number, "lethe ticket key", 32);
  const wrapped = Buffer.concat([PKCS8, Buffer.from(scalar)]);
  return webcrypto.subtle.importKey("pkcs8", wrapped, { name: "X25519" }, false, ["deriveBits"]);
}

/** The ticket's public key, `age1…`. */
export const ticketRecipient = async (pass: TicketPass): Promise<string> =>
  identityToRecipient(await ticketIdentity(pass));
