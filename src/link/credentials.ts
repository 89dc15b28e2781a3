import { base32, fromBase32 } from "../lib/base32.ts";
import { DIGEST_BYTES, type TableShape } from "./packed-table.ts";

/**
 * The roster's "credentials" section. One row, 44 bytes:
 *
 *   0   key     8 bytes: the 60 bits of the 12-character VPN username, then four zero bits
 *   8   digest  32 bytes: SHA-256 of the VPN password in UTF-8
 *   40  until   uint32, big-endian: UTC minutes since 1970
 */
export const CREDENTIALS: TableShape = { keyBytes: 8, rowBytes: 44 };
const USERNAME_CHARACTERS = 12;

export interface CredentialRow {
  /** Lower case. */
  username: string;
  digest: Uint8Array;
  /** UTC minutes since 1970. */
  until: number;
}

/** The key of a VPN username in either case; nothing where it is not 12 base32 characters. */
export function credentialKey(username: string): Uint8Array | undefined {
  // The pattern goes first: toLowerCase makes ASCII letters of some foreign ones (U+212A), and two names of one.
  if (!/^[A-Za-z2-7]{12}$/.test(username)) return undefined;
  return fromBase32(`${username}a`);
}

export const credentialUsername = (key: Uint8Array): string => base32(key, USERNAME_CHARACTERS);

/** Throws RangeError where the username, the digest's length or the minutes cannot stand in a row. */
export function packCredential(credential: CredentialRow): Uint8Array {
  const key = credentialKey(credential.username);
  if (key === undefined) throw new RangeError("credential: username");
  if (credential.digest.length !== DIGEST_BYTES) throw new RangeError("credential: digest");
  const row = new Uint8Array(CREDENTIALS.rowBytes);
  row.set(key);
  row.set(credential.digest, 8);
  const until = Math.min(credential.until, 0xffff_ffff);
  if (!Number.isInteger(until) || until < 0) throw new RangeError("credential: until");
  new DataView(row.buffer).setUint32(40, until);
  return row;
}

export function unpackCredential(row: Uint8Array): CredentialRow {
  return {
    username: credentialUsername(row.subarray(0, 8)),
    digest: row.subarray(8, 40),
    until: new DataView(row.buffer, row.byteOffset).getUint32(40),
  };
}
