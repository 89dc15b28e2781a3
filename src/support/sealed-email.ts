import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** The address that is told of an answer, as it stands in the database: AES-256-GCM, bound to its ticket's number. */

export interface TicketEmail {
  address: string;
  /** Whether the answers themselves go there. */
  withText: boolean;
}

/** Before the address in the sealed text; no address has a blank. */
const WITH_TEXT = "text ";

const NONCE = 12;
const TAG = 16;

/** `key`: 32 bytes that only the office has. */
export function sealEmail(key: Uint8Array, number: string, { address, withText }: TicketEmail): string {
  const text = `${withText ? WITH_TEXT : ""}${address}`;
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(number));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
}

/** Undefined where it was sealed with another office's key, for another ticket, or is damaged: then nobody is told. */
export function openEmail(key: Uint8Array, number: string, sealed: string): TicketEmail | undefined {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < NONCE + TAG) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(Buffer.from(number)).setAuthTag(bytes.subarray(-TAG));
  try {
    const text = decipher.update(bytes.subarray(NONCE, -TAG), undefined, "utf8") + decipher.final("utf8");
    const withText = text.startsWith(WITH_TEXT);
    return { address: withText ? text.slice(WITH_TEXT.length) : text, withText };
  } catch {
    return undefined;
  }
}
