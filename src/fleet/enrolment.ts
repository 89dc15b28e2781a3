import { createHmac, randomBytes } from "node:crypto";
import { base32 } from "../lib/base32.ts";

/** How long a printed line can be pasted. */
export const TOKEN_LIFETIME_S = 30 * 60;
const ID_BYTES = 10;

/** Names a token: 16 base32 characters. */
export const newTokenId = (): string => base32(randomBytes(ID_BYTES));

/**
 * The one-time token of this id, 26 base32 characters (130 bits): HMAC-SHA256(site secret, id). Every office makes the same of
 * it, and nobody can make it out of the database.
 */
export const tokenOf = (siteSecret: Uint8Array, tokenId: string): string =>
  base32(createHmac("sha256", siteSecret).update(`lethe enrolment token ${tokenId}`).digest(), 26);
