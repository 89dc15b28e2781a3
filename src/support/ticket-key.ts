import { createHmac, webcrypto } from "node:crypto";
import { identityToRecipient } from "age-encryption";
import { base32 } from "../lib/base32.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { plainCode } from "../lib/typed-code.ts";

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

const NUMBER_CHARACTERS = 10;
const SECRET_CHARACTERS = 20;

/** PKCS #8 around a raw X25519 key (RFC 8410 section 7): Web Crypto takes no bare one. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

/**
 * The pass of the form that bears `once`, a random text that is used for one form alone. The same form gets the same pass, so
 * that one which is sent twice opens one ticket. `key`: 32 bytes that only the office has.
 */
export function ticketPass(key: Uint8Array, once: string): TicketPass {
  const made = (what: string, length: number) =>
    base32(createHmac("sha256", key).update(`ticket ${what} ${once}`).digest(), length);
  return { number: made("number", NUMBER_CHARACTERS), secret: made("secret", SECRET_CHARACTERS) };
}

/** A ticket's number as somebody typed it; undefined where it can be none. */
export const typedNumber = (number: string): string | undefined => plainCode(number, NUMBER_CHARACTERS);

/** Number and secret as somebody typed them; undefined where they cannot be a ticket's. */
export function typedPass(typed: TicketPass): TicketPass | undefined {
  const number = typedNumber(typed.number);
  const secret = plainCode(typed.secret, SECRET_CHARACTERS);
  return number === undefined || secret === undefined ? undefined : { number, secret };
}

/** The ticket's private key, for age-encryption's `addIdentity`. */
export async function ticketIdentity({ number, secret }: TicketPass): Promise<webcrypto.CryptoKey> {
  const wrapped = Buffer.concat([PKCS8, deriveKey(secret, "lethe ticket key", number)]);
  return webcrypto.subtle.importKey("pkcs8", wrapped, { name: "X25519" }, false, ["deriveBits"]);
}

/** The ticket's public key, `age1…`. */
export const ticketRecipient = async (pass: TicketPass): Promise<string> =>
  identityToRecipient(await ticketIdentity(pass));
