import { createRangeTable, parseIp, parseRange, unmap } from "../lib/ip.ts";

/** Whether an address is one of the operator's own proxies. */
export type Trusts = (address: string) => boolean;

/** `ranges`: addresses and ranges as lethe.toml has them (site.trusted_proxies). */
export function trustedProxies(ranges: readonly string[]): Trusts {
  const table = createRangeTable(ranges.map((text) => ({ range: parseRange(text)!, value: 1 })));
  return (address) => {
    const ip = parseIp(address);
    return ip !== undefined && table.lookup(unmap(ip)) !== undefined;
  };
}

/**
 * The address that a request came from, to slow guessing: the connection's other end, unless that is one of the operator's
 * own proxies; then the last address in X-Forwarded-For that is none of them. What stands further left in that header
 * came from the visitor, who may write there what he likes.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trusts: Trusts,
): string {
  const near = plain(peer ?? "");
  if (forwardedFor === undefined || !trusts(near)) return near;
  for (const entry of forwardedFor.split(",").reverse()) {
    const address = plain(entry.trim());
    if (parseIp(address) === undefined) return near;
    if (!trusts(address)) return address;
  }
  return near;
}

/** A socket on `::` shows IPv4 addresses as `::ffff:192.0.2.1`. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");
