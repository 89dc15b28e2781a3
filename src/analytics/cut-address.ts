import { formatIp, parseIp, unmap } from "../lib/ip.ts";

/** Bytes that stay: of IPv4 all but the last (8 bits), of IPv6 the first six (80 bits go). */
const KEPT = { 4: 3, 16: 6 } as const;

/** 6to4 (RFC 3056 section 2): the whole IPv4 address stands in the first six bytes. */
const isSixToFour = (ip: Uint8Array): boolean => ip.length === 16 && ip[0] === 0x20 && ip[1] === 0x02;

/** The address without what points at one household: `192.0.2.0` of `192.0.2.7`; undefined where it is no address. */
export function cutAddress(text: string): string | undefined {
  const ip = parseIp(text.split("%")[0]!);
  if (ip === undefined) return undefined;
  const plain = unmap(ip);
  const cut = new Uint8Array(plain.length);
  cut.set(plain.subarray(0, isSixToFour(plain) ? 5 : KEPT[plain.length as 4 | 16]));
  return formatIp(cut);
}
