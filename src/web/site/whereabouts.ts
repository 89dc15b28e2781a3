import type { ServerStatus } from "../../fleet/server-status.ts";
import { formatIp, parseIp, unmap } from "../../lib/ip.ts";
import { isTunnelAddress } from "../../lib/tunnel-ranges.ts";

/** Where a visitor comes out of, as any website sees it. Nothing of it is kept. */
export interface Whereabouts {
  /** Empty where it cannot be told: the site stands behind a proxy that it was not told of. */
  ip: string;
  /** The server of ours with that address. */
  server: ServerStatus | undefined;
  /** The visitor is a member of the office's own machine, and here by way of its tunnel. */
  inside: boolean;
}

/**
 * `ownServer`: the one on the office's machine. Its members come to the site by way of that machine alone, with their addresses inside
 * the tunnel; any other website sees the server's own address, and so does this page.
 */
export function whereabouts(
  address: string,
  servers: readonly ServerStatus[],
  ownServer: string | undefined,
): Whereabouts {
  const parsed = parseIp(address);
  if (parsed === undefined) return { ip: "", server: undefined, inside: false };
  const ip = formatIp(unmap(parsed));
  if (isTunnelAddress(ip)) {
    const server = servers.find((each) => each.server === ownServer);
    const family = ip.includes(":");
    const seen = server?.addresses.find((each) => each.includes(":") === family) ?? server?.addresses[0];
    return { ip: seen ?? "", server, inside: true };
  }
  if (/^(127\.|::1$)/.test(ip)) return { ip: "", server: undefined, inside: false };
  return { ip, server: serverWith(ip, servers), inside: false };
}

/** The server that has this address. */
export function serverWith(address: string, servers: readonly ServerStatus[]): ServerStatus | undefined {
  const wanted = plain(address);
  return wanted === undefined
    ? undefined
    : servers.find(({ addresses }) => addresses.some((each) => plain(each) === wanted));
}

function plain(address: string): string | undefined {
  const ip = parseIp(address);
  return ip && formatIp(unmap(ip));
}
