import { createRangeTable, parseIp, parseRange, unmap } from "./ip.ts";

/**
 * What members' devices are called inside the tunnels of every exit. Outside nobody is: the firewall drops packets that say so. The
 * office needs them for members whose exit is its own machine, who come to it without leaving that.
 */
export const TUNNEL_RANGES: readonly string[] = ["10.66.0.0/16", "10.96.0.0/11", "fd6c:6574:6865::/48"];

const table = createRangeTable(TUNNEL_RANGES.map((text) => ({ range: parseRange(text)!, value: 1 })));

export function isTunnelAddress(address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && table.lookup(unmap(ip)) !== undefined;
}
