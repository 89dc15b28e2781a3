import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Letter } from "./letter.ts";

const NONCE = 12;
const TAG = 16;

/** The letter as it waits in the database: AES-256-GCM, base64, bound to the row's id. `key`: 32 bytes. */
export function sealLetter(key: Uint8Array, id: string, { to, subject, text }: Letter): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id));
  const sealed = Buffer.concat([cipher.update(JSON.stringify([to, subject, text]), "utf8"), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
}

/** The letter again; undefined where it was sealed with another key, for another row, or altered. */
export function openLetter(key: Uint8Array, id: string, text: string): Letter | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length <= NONCE + TAG) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG));
  try {
    const content = decipher.update(bytes.subarray(NONCE, -TAG), undefined, "utf8") + decipher.final("utf8");
    // What the seal holds was written by us: its shape needs no check.
    const [to, subject, body] = JSON.parse(content) as [string, string, string];
    return { to, subject, text: body };
  } catch {
    return undefined;
  }
}
