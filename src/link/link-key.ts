import { nkeys } from "@nats-io/transport-node";

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

/** Whether nats-server takes it as a user's public key: one that it does not take would make it refuse all users. */
export function isLinkPublicKey(text: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(text)) return false;
  try {
    return nkeys.fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}
