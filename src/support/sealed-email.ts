import { seal, unseal } from "../lib/seal.ts";

/** The address that is told of an answer, as it stands in the database: AES-256-GCM, bound to its ticket's number. */

export interface TicketEmail {
  address: string;
  /** Whether the answers themselves go there. */
  withText: boolean;
}

/** Before the address in the sealed text; no address has a blank. */
const WITH_TEXT = "text ";

/** `key`: 32 bytes that only the office has. */
export function sealEmail(key: Uint8Array, number: string, { address, withText }: TicketEmail): string {
  const text = `${withText ? WITH_TEXT : ""}${address}`;
  return seal(key, text, { bound: number }).toString("base64");
}

/** Undefined where it was sealed with another office's key, for another ticket, or is damaged: then nobody is told. */
export function openEmail(key: Uint8Array, number: string, sealed: string): TicketEmail | undefined {
  try {
    const text = unseal(key, Buffer.from(sealed, "base64"), number).toString();
    const withText = text.startsWith(WITH_TEXT);
    return { address: withText ? text.slice(WITH_TEXT.length) : text, withText };
  } catch {
    return undefined;
  }
}
