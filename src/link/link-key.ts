import { createPrivateKey, sign } from "node:crypto";
import { type Authenticator, nkeys } from "@nats-io/transport-node";
import { fromBase32 } from "../lib/base32.ts";

/**
 * The keys that say who speaks on NATS: Ed25519, in NATS's own writing (nkeys, a base32 text with a checksum). The seed is
 * the secret and stays where it was made; nats-server knows public keys alone.
 */
export interface LinkKey {
  /** `SU…`, for a 0600 file. */
  seed: string;
  /** `U…`, 56 characters. */
  publicKey: string;
}

export function newLinkKey(): LinkKey {
  const pair = nkeys.createUser();
  return { seed: Buffer.from(pair.getSeed()).toString("latin1"), publicKey: pair.getPublicKey() };
}

/** Throws where the text is no seed. */
export const linkPublicKey = (seed: string): string =>
  nkeys.fromSeed(Buffer.from(seed, "latin1")).getPublicKey();

/** What comes before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 section 7). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Answers nats-server's challenge. With Node's own Ed25519: the library's, in JavaScript, takes 12 ms a connection, and a thousand
 * exits may connect at once. Throws where the text is no seed.
 */
export function linkAuthenticator(seed: string): Authenticator {
  const nkey = linkPublicKey(seed);
  // Two bytes that say what it is, the seed, two of checksum (nkeys, "Prefix and checksum").
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, fromBase32(seed)!.subarray(2, 34)]),
    format: "der",
    type: "pkcs8",
  });
  return (nonce = "") => ({ nkey, sig: sign(null, Buffer.from(nonce), key).toString("base64") });
}

/** Whether nats-server takes it as a user's public key: one that it does not take would make it refuse all users. */
export function isLinkPublicKey(text: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(text)) return false;
  try {
    return nkeys.fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}
