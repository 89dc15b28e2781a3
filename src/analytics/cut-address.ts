import { formatIp, parseIp, unmap } from "../lib/ip.ts";

/** Bytes that stay: of IPv4 all but the last (8 bits), of IPv6 the first six (80 bits go). */
const KEPT = { 4: 3, 16: 6 } as const;

/** The address without what points at one household: `192.0.2.0` of `192.0.2.7`; undefined where it is no address. */
export function cutAddress(text: string): string | undefined {
  const ip = parseIp(text.split("%")[0]!);
  if (ip === undefined) return undefined;
  const plain = unmap(ip);
  const cut = new Uint8Array(plain.length);
  cut.set(plain.subarray(0, KEPT[plain.length as 4 | 16]));
  return formatIp(cut);
}
