import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** AES-256-GCM (NIST SP 800-38D): the nonce, what is sealed, the tag. */

export const SEAL_NONCE_BYTES = 12;
export const SEAL_TAG_BYTES = 16;

/**
 * `key`: 32 bytes. `bound`: what it is for or belongs to; not in it, and it opens with the same alone. `nonce`: drawn here unless
 * it follows from what is sealed; one that has sealed two texts gives both away.
 */
export function seal(
  key: Uint8Array,
  plain: Uint8Array | string,
  {
    bound = "",
    nonce = randomBytes(SEAL_NONCE_BYTES),
  }: { bound?: Uint8Array | string; nonce?: Uint8Array } = {},
): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(bound));
  return Buffer.concat([nonce, cipher.update(Buffer.from(plain)), cipher.final(), cipher.getAuthTag()]);
}

/** What was sealed. Throws where that was by another key or for something else, or where a bit of it is another. */
export function unseal(key: Uint8Array, sealed: Uint8Array, bound: Uint8Array | string = ""): Buffer {
  if (sealed.length < SEAL_NONCE_BYTES + SEAL_TAG_BYTES) throw new RangeError("too short to be sealed");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, SEAL_NONCE_BYTES), {
    authTagLength: SEAL_TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(bound)).setAuthTag(sealed.subarray(-SEAL_TAG_BYTES));
  return Buffer.concat([
    decipher.update(sealed.subarray(SEAL_NONCE_BYTES, -SEAL_TAG_BYTES)),
    decipher.final(),
  ]);
}
