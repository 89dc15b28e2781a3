import { isIP } from "node:net";

/**
 * The address that a request came from, to slow guessing: the connection's other end, unless that is one of the operator's
 * own proxies; then the last address in X-Forwarded-For that is none of them. What stands further left in that header
 * came from the visitor, who may write there what he likes.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  proxies: readonly string[],
): string {
  const near = plain(peer ?? "");
  if (forwardedFor === undefined || !proxies.includes(near)) return near;
  for (const entry of forwardedFor.split(",").reverse()) {
    const address = plain(entry.trim());
    if (isIP(address) === 0) return near;
    if (!proxies.includes(address)) return address;
  }
  return near;
}

/** A socket on `::` shows IPv4 addresses as `::ffff:192.0.2.1`. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");
