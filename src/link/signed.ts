import { type KeyObject, sign, verify } from "node:crypto";
import type { ZodType } from "zod";
import { type SiteKey, siteId } from "./site-key.ts";

/**
 * A signed document:
 *
 *   0   site       16 bytes: which site's key signed it (site-key.ts)
 *   16  signature  64 bytes: Ed25519 over "lethe/1/" ‖ kind ‖ 0x00 ‖ payload
 *   80  payload    JSON in UTF-8, exactly as sent
 *
 * Nothing of the payload is looked at before the signature holds. The kind is in what is signed, so that a document of
 * one kind never passes for another.
 */
export type DocumentKind = "header" | "settings" | "answer" | "peers";

const SITE_BYTES = 16;
const PAYLOAD_AT = SITE_BYTES + 64;
/** Settings may hold 100,000 ranges; a header is a few hundred bytes. */
const MAX_BYTES = 6_000_000;

export type Opened<T> = { ok: true; value: T } | { ok: false; reason: "foreign" | "signature" | "malformed" };

export function signDocument(kind: DocumentKind, value: object, key: SiteKey): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value));
  const signature = sign(null, signedBytes(kind, payload), key.privateKey);
  return Buffer.concat([siteId(key.publicKey), signature, payload]);
}

/** The key that documents must be signed with. */
export interface Trust {
  site: Uint8Array;
  key: KeyObject;
}

export function openDocument<T>(
  kind: DocumentKind,
  bytes: Uint8Array,
  trust: Trust,
  schema: ZodType<T>,
): Opened<T> {
  if (bytes.length <= PAYLOAD_AT || bytes.length > MAX_BYTES) return { ok: false, reason: "malformed" };
  if (!Buffer.from(trust.site).equals(bytes.subarray(0, SITE_BYTES))) return { ok: false, reason: "foreign" };
  const payload = bytes.subarray(PAYLOAD_AT);
  if (!verify(null, signedBytes(kind, payload), trust.key, bytes.subarray(SITE_BYTES, PAYLOAD_AT))) {
    return { ok: false, reason: "signature" };
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return { ok: false, reason: "malformed" };
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, reason: "malformed" };
}

const signedBytes = (kind: DocumentKind, payload: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`lethe/1/${kind}\0`), payload]);
