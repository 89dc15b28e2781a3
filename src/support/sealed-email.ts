import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** The address that is told of an answer, as it stands in the database: AES-256-GCM, bound to its ticket's number. */

const NONCE = 12;
const TAG = 16;

/** `key`: 32 bytes that only the office has. */
export function sealEmail(key: Uint8Array, number: string, email: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(number));
  const sealed = Buffer.concat([cipher.update(email, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
}

/** Undefined where it was sealed with another office's key, for another ticket, or is damaged: then nobody is told. */
export function openEmail(key: Uint8Array, number: string, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < NONCE + TAG) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(Buffer.from(number)).setAuthTag(bytes.subarray(-TAG));
  try {
    return decipher.update(bytes.subarray(NONCE, -TAG), undefined, "utf8") + decipher.final("utf8");
  } catch {
    return undefined;
  }
}
