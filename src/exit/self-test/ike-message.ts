import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

/** IKEv2 messages (RFC 7296 section 3), as far as the self-test's client needs them: AES-256-GCM and HMAC-SHA-256 alone. */
export const EXCHANGE = { saInit: 34, auth: 35, informational: 37 } as const;
export const PAYLOAD = {
  sa: 33,
  ke: 34,
  idInitiator: 35,
  idResponder: 36,
  cert: 37,
  auth: 39,
  nonce: 40,
  notify: 41,
  delete: 42,
  sk: 46,
  eap: 48,
} as const;
const HEADER_BYTES = 28;
const IV_BYTES = 8;
const ICV_BYTES = 16;
const FROM_INITIATOR = 0x08;

export interface Payload {
  type: number;
  body: Buffer;
}

export interface IkeHeader {
  initiatorSpi: Buffer;
  responderSpi: Buffer;
  exchange: number;
  id: number;
}

export const prf = (key: Uint8Array, ...data: (Uint8Array | string)[]): Buffer => {
  const hmac = createHmac("sha256", key);
  for (const part of data) hmac.update(part);
  return hmac.digest();
};

/** Section 2.13, prf+. */
export function prfPlus(key: Uint8Array, seed: Uint8Array, bytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let index = 1; parts.length * 32 < bytes; index++)
    parts.push(prf(key, parts.at(-1) ?? Buffer.alloc(0), seed, Buffer.from([index])));
  return Buffer.concat(parts).subarray(0, bytes);
}

/** 32 bytes of AES-256 and 4 of salt (RFC 5282 section 7.1). */
export interface SealKey {
  key: Buffer;
  salt: Buffer;
}

function header(
  { initiatorSpi, responderSpi, exchange, id }: IkeHeader,
  next: number,
  length: number,
): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  initiatorSpi.copy(bytes, 0);
  responderSpi.copy(bytes, 8);
  bytes.set([next, 0x20, exchange, FROM_INITIATOR], 16);
  bytes.writeUInt32BE(id, 20);
  bytes.writeUInt32BE(length, 24);
  return bytes;
}

const chained = (payloads: readonly Payload[]): Buffer =>
  Buffer.concat(
    payloads.map(({ body }, index) => {
      const generic = Buffer.from([payloads[index + 1]?.type ?? 0, 0, 0, 0]);
      generic.writeUInt16BE(4 + body.length, 2);
      return Buffer.concat([generic, body]);
    }),
  );

export function plainMessage(head: IkeHeader, payloads: readonly Payload[]): Buffer {
  const body = chained(payloads);
  return Buffer.concat([header(head, payloads[0]!.type, HEADER_BYTES + body.length), body]);
}

/** Everything inside one Encrypted payload (section 3.14, RFC 5282 section 3). */
export function sealedMessage(head: IkeHeader, payloads: readonly Payload[], { key, salt }: SealKey): Buffer {
  const inside = Buffer.concat([chained(payloads), Buffer.alloc(1)]);
  const iv = Buffer.alloc(IV_BYTES);
  iv.writeUInt32BE(head.id, 4);
  const length = 4 + IV_BYTES + inside.length + ICV_BYTES;
  const generic = Buffer.from([payloads[0]?.type ?? 0, 0, 0, 0]);
  generic.writeUInt16BE(length, 2);
  const shown = Buffer.concat([header(head, PAYLOAD.sk, HEADER_BYTES + length), generic]);
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.concat([salt, iv])).setAAD(shown);
  return Buffer.concat([shown, iv, cipher.update(inside), cipher.final(), cipher.getAuthTag()]);
}

/** The payloads of an answer, unsealed where they were sealed; undefined where it is none to `head`, or is broken. */
export function readAnswer(bytes: Buffer, head: IkeHeader, seal?: SealKey): Payload[] | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(24) !== bytes.length) return undefined;
  if (!bytes.subarray(0, 8).equals(head.initiatorSpi) || bytes[18] !== head.exchange) return undefined;
  if (bytes.readUInt32BE(20) !== head.id) return undefined;
  const payloads = unchained(bytes[16]!, bytes.subarray(HEADER_BYTES));
  const sealed = payloads?.find(({ type }) => type === PAYLOAD.sk)?.body;
  if (seal === undefined || payloads === undefined) return payloads;
  if (sealed === undefined || sealed.length < IV_BYTES + 1 + ICV_BYTES) return undefined;
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", seal.key, Buffer.concat([seal.salt, iv]));
  decipher.setAAD(bytes.subarray(0, HEADER_BYTES + 4)).setAuthTag(sealed.subarray(-ICV_BYTES));
  try {
    const inside = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -ICV_BYTES)), decipher.final()]);
    const end = inside.length - 1 - inside.at(-1)!;
    return end < 0 ? undefined : unchained(bytes[HEADER_BYTES]!, inside.subarray(0, end));
  } catch {
    return undefined;
  }
}

function unchained(first: number, bytes: Buffer): Payload[] | undefined {
  const payloads: Payload[] = [];
  let at = 0;
  for (let type = first; type !== 0; ) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readUInt16BE(at + 2);
    if (length < 4 || at + length > bytes.length) return undefined;
    payloads.push({ type, body: bytes.subarray(at + 4, at + length) });
    // The Encrypted payload is the last; what follows its type is inside it.
    if (type === PAYLOAD.sk) break;
    type = bytes[at]!;
    at += length;
  }
  return payloads;
}
