import { formatIp, type Ip } from "../../lib/ip.ts";

/**
 * A datagram between a SOCKS5 client and its relay (RFC 1928 section 7):
 *
 *   00 00 | fragment | address type | address… | port (2) | data…
 *     address type 01: 4 bytes · 03: length byte, name… · 04: 16 bytes
 */
export interface SocksDatagram {
  host: string;
  port: number;
  /** Host and port as they stand there: one key for one destination. */
  key: string;
  data: Buffer;
}

/** Nothing for what is none, and for fragments, which a relay need not support. */
export function readSocksDatagram(bytes: Buffer): SocksDatagram | undefined {
  if (bytes.length < 5 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 0) return undefined;
  const type = bytes[3];
  const addressAt = type === 3 ? 5 : 4;
  const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? bytes[4]! : undefined;
  if (length === undefined) return undefined;
  const end = addressAt + length + 2;
  if (bytes.length < end) return undefined;
  const address = bytes.subarray(addressAt, addressAt + length);
  return {
    host: type === 3 ? address.toString("latin1") : formatIp(address),
    port: bytes.readUInt16BE(end - 2),
    key: bytes.toString("latin1", 3, end),
    data: bytes.subarray(end),
  };
}

/** What stands before the data of a datagram from there. */
export function socksDatagramHead(ip: Ip, port: number): Buffer {
  return Buffer.concat([Buffer.of(0, 0, 0, ip.length === 4 ? 1 : 4), ip, Buffer.of(port >> 8, port & 255)]);
}
