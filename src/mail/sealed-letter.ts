import { seal, unseal } from "../lib/seal.ts";
import type { Letter } from "./letter.ts";

/** The letter as it waits in the database: AES-256-GCM, base64, bound to the row's id. `key`: 32 bytes. */
export function sealLetter(key: Uint8Array, id: string, { to, subject, text }: Letter): string {
  return seal(key, JSON.stringify([to, subject, text]), { bound: id }).toString("base64");
}

/** The letter again; undefined where it was sealed with another key, for another row, or altered. */
export function openLetter(key: Uint8Array, id: string, text: string): Letter | undefined {
  try {
    const content = unseal(key, Buffer.from(text, "base64"), id).toString();
    // What the seal holds was written by us: its shape needs no check.
    const [to, subject, body] = JSON.parse(content) as [string, string, string];
    return { to, subject, text: body };
  } catch {
    return undefined;
  }
}
