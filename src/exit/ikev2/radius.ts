import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/**
 * RADIUS packets (RFC 2865 section 3), as far as strongSwan's eap-radius speaks them:
 *
 *   code 1 | identifier 1 | length 2 | authenticator 16 | attributes: type 1, length 1 (its own two included), value
 *
 * Every packet bears a Message-Authenticator (RFC 3579 section 3.2): without one, or with a wrong one, it is nobody's.
 */
export const CODE = { request: 1, accept: 2, reject: 3, challenge: 11 } as const;
export const ATTRIBUTE = {
  userName: 1,
  nasPort: 5,
  state: 24,
  vendor: 26,
  callingStation: 31,
  eapMessage: 79,
  messageAuthenticator: 80,
} as const;
const HEADER_BYTES = 20;
const MAX_BYTES = 4096;
const MAX_VALUE_BYTES = 253;
/** Vendor-Specific (RFC 2548): Microsoft's number, and the types of its two keys. */
const MICROSOFT = 311;
const MPPE = { send: 16, receive: 17 } as const;

export interface Attribute {
  type: number;
  value: Uint8Array;
}

export interface RadiusPacket {
  code: number;
  identifier: number;
  /** 16 bytes. */
  authenticator: Uint8Array;
  attributes: Attribute[];
}

const hmacMd5 = (secret: string, bytes: Uint8Array): Buffer =>
  createHmac("md5", secret).update(bytes).digest();

/** An Access-Request of who knows the secret; nothing where it is anything else, in any part. */
export function readRequest(bytes: Uint8Array, secret: string): RadiusPacket | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > MAX_BYTES) return undefined;
  const view = Buffer.from(bytes);
  // Octets behind the length are padding (RFC 2865 section 3); strongSwan sends none.
  if (view[0] !== CODE.request || view.readUInt16BE(2) !== view.length) return undefined;
  const attributes: Attribute[] = [];
  let signedAt: number | undefined;
  for (let at = HEADER_BYTES; at < view.length; ) {
    const type = view[at]!;
    const length = view[at + 1] ?? 0;
    if (length < 2 || at + length > view.length) return undefined;
    if (type === ATTRIBUTE.messageAuthenticator) {
      if (signedAt !== undefined || length !== 18) return undefined;
      signedAt = at + 2;
    }
    attributes.push({ type, value: view.subarray(at + 2, at + length) });
    at += length;
  }
  if (signedAt === undefined) return undefined;
  const unsigned = Buffer.from(view).fill(0, signedAt, signedAt + 16);
  if (!timingSafeEqual(hmacMd5(secret, unsigned), view.subarray(signedAt, signedAt + 16))) return undefined;
  return { code: view[0], identifier: view[1]!, authenticator: view.subarray(4, HEADER_BYTES), attributes };
}

/** The answer to `request`, signed both ways (RFC 2865 section 3, RFC 3579 section 3.2). */
export function answerTo(
  request: Pick<RadiusPacket, "identifier" | "authenticator">,
  code: number,
  attributes: readonly Attribute[],
  secret: string,
): Buffer {
  const signed = [{ type: ATTRIBUTE.messageAuthenticator, value: Buffer.alloc(16) }, ...attributes];
  const body = Buffer.concat(
    signed.map(({ type, value }) => Buffer.concat([Buffer.from([type, value.length + 2]), value])),
  );
  const packet = Buffer.concat([Buffer.alloc(4), request.authenticator, body]);
  packet[0] = code;
  packet[1] = request.identifier;
  packet.writeUInt16BE(packet.length, 2);
  hmacMd5(secret, packet).copy(packet, HEADER_BYTES + 2);
  createHash("md5").update(packet).update(secret).digest().copy(packet, 4);
  return packet;
}

/** The first value of a type. */
export const firstOf = ({ attributes }: RadiusPacket, type: number): Uint8Array | undefined =>
  attributes.find((attribute) => attribute.type === type)?.value;

/** An EAP packet is cut into as many attributes as it needs (RFC 3579 section 3.1). */
export const eapOf = ({ attributes }: RadiusPacket): Buffer =>
  Buffer.concat(attributes.flatMap(({ type, value }) => (type === ATTRIBUTE.eapMessage ? [value] : [])));

export function eapAttributes(eap: Uint8Array): Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = 0; at < eap.length; at += MAX_VALUE_BYTES)
    attributes.push({ type: ATTRIBUTE.eapMessage, value: eap.subarray(at, at + MAX_VALUE_BYTES) });
  return attributes;
}

/**
 * MS-MPPE-Send-Key or MS-MPPE-Recv-Key (RFC 2548 section 2.4.2): vendor 4, type 1, length 1, salt 2, and the key with its
 * length in front, enciphered with MD5 of the secret. The salt's highest bit is set, and the two of a packet differ.
 */
export function mppeKey(
  direction: "send" | "receive",
  key: Uint8Array,
  salt: Uint8Array,
  authenticator: Uint8Array,
  secret: string,
): Attribute {
  const clear = Buffer.alloc(Math.ceil((key.length + 1) / 16) * 16);
  clear[0] = key.length;
  clear.set(key, 1);
  const cipher = Buffer.alloc(clear.length);
  let previous: Uint8Array = Buffer.concat([authenticator, salt]);
  for (let at = 0; at < clear.length; at += 16) {
    const pad = createHash("md5").update(secret).update(previous).digest();
    for (let index = 0; index < 16; index++) cipher[at + index] = clear[at + index]! ^ pad[index]!;
    previous = cipher.subarray(at, at + 16);
  }
  const head = Buffer.alloc(6);
  head.writeUInt32BE(MICROSOFT);
  head[4] = MPPE[direction];
  head[5] = 2 + salt.length + cipher.length;
  return { type: ATTRIBUTE.vendor, value: Buffer.concat([head, salt, cipher]) };
}
