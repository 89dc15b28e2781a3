import { parseIp } from "../../lib/ip.ts";

/** RFC 8489 section 5: type, length, magic cookie, transaction id; then attributes, each padded to four bytes. */
const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112_a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const XOR_MAPPED_ADDRESS = 0x0020;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
/** Section 18.3: what a server has to understand or to say that it does not. */
const isRequired = (type: number): boolean => type < 0x8000;
/** USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, -SHA256, PASSWORD-ALGORITHM, USERHASH: a server that asks nobody for a password passes them over. */
const PASSED_OVER = new Set([0x0006, 0x0008, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e]);

/**
 * What a STUN server answers to a datagram from `address`, `port` (RFC 8489 section 6.3): the address itself. Undefined for all that is
 * no Binding request: silence.
 */
export function answerStun(message: Uint8Array, address: string, port: number): Buffer | undefined {
  const bytes = Buffer.from(message);
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== BINDING_REQUEST) return undefined;
  if (bytes.readUInt32BE(4) !== MAGIC_COOKIE || bytes.readUInt16BE(2) !== bytes.length - HEADER_BYTES)
    return undefined;
  const unknown: number[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const type = bytes.readUInt16BE(at);
    at += 4 + Math.ceil(bytes.readUInt16BE(at + 2) / 4) * 4;
    if (at > bytes.length) return undefined;
    if (isRequired(type) && !PASSED_OVER.has(type)) unknown.push(type);
  }
  const id = bytes.subarray(4, HEADER_BYTES);
  if (unknown.length > 0) {
    const refused = attribute(ERROR_CODE, Buffer.from([0, 0, 4, 20]));
    const types = Buffer.from(unknown.slice(0, 8).flatMap((type) => [type >> 8, type & 255]));
    return reply(BINDING_ERROR, id, Buffer.concat([refused, attribute(UNKNOWN_ATTRIBUTES, types)]));
  }
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  // Section 14.2: hidden from routers that would "correct" an address they find in a packet.
  const value = Buffer.alloc(4 + ip.length);
  value[1] = ip.length === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  for (const [index, byte] of ip.entries()) value[4 + index] = byte ^ id[index]!;
  return reply(BINDING_SUCCESS, id, attribute(XOR_MAPPED_ADDRESS, value));
}

function attribute(type: number, value: Buffer): Buffer {
  const out = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  out.writeUInt16BE(type, 0);
  out.writeUInt16BE(value.length, 2);
  value.copy(out, 4);
  return out;
}

/** `id`: magic cookie and transaction id as they came. */
function reply(type: number, id: Buffer, attributes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(attributes.length, 2);
  return Buffer.concat([head, id, attributes]);
}
