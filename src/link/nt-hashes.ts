import { createHmac } from "node:crypto";
import { credentialKey } from "./credentials.ts";
import type { TableShape } from "./packed-table.ts";

/**
 * The roster's "nt-hashes" section, for EAP-MSCHAPv2 (RFC 2759, section 8.3), which cannot be answered from a SHA-256. One
 * row, 24 bytes:
 *
 *   0   key     8 bytes, as in credentials.ts
 *   8   sealed  16 bytes: the NT hash XOR the first 16 bytes of HMAC-SHA256(hash key, key ‖ SHA-256 of the password)
 *
 * An NT hash is as good as the password to who wants to log in. The hash key stands in the settings of the exits with IKEv2
 * alone: what the others could overhear says nothing to them. Bound to the password's digest, a row opens only together
 * with the credential that it was made for.
 */
export const NT_HASHES: TableShape = { keyBytes: 8, rowBytes: 24 };
const NT_HASH_BYTES = 16;
export const HASH_KEY_BYTES = 32;

/** Throws RangeError where the username or the hash's length cannot stand in a row. */
export function packNtHash(
  hashKey: Uint8Array,
  { username, digest, ntHash }: { username: string; digest: Uint8Array; ntHash: Uint8Array },
): Uint8Array {
  const key = credentialKey(username);
  if (key === undefined) throw new RangeError("nt hash: username");
  if (ntHash.length !== NT_HASH_BYTES) throw new RangeError("nt hash: length");
  const row = new Uint8Array(NT_HASHES.rowBytes);
  row.set(key);
  row.set(masked(ntHash, hashKey, key, digest), 8);
  return row;
}

/** The NT hash out of its row; of another key or another password's digest it is 16 bytes of nothing. */
export const openNtHash = (hashKey: Uint8Array, row: Uint8Array, digest: Uint8Array): Uint8Array =>
  masked(row.subarray(8, NT_HASHES.rowBytes), hashKey, row.subarray(0, 8), digest);

function masked(bytes: Uint8Array, hashKey: Uint8Array, key: Uint8Array, digest: Uint8Array): Uint8Array {
  const mask = createHmac("sha256", hashKey).update(key).update(digest).digest();
  return Uint8Array.from(bytes, (byte, at) => byte ^ mask[at]!);
}
