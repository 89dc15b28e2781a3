/**
 * Two hops without any state: on each server one port stands for each other server's, wherever that one's own ports are. What
 * comes to it goes on as it is, so that the tunnel is end to end with the second server.
 */
export type HopService = "wireguard" | "openvpn";
export type HopProtocol = "udp" | "tcp";

/** Servers' numbers: `servers.number`, given once and never changed. */
export const SERVER_NUMBER_MOST = 999;
const FIRST_PORT: Readonly<Record<HopService, number>> = { wireguard: 52_000, openvpn: 53_000 };

/**
 * The port of any server that leads on to the server of this number; undefined where there is none (WireGuard has no TCP).
 * Throws RangeError for what is no number of a server.
 */
export function hopPort(number: number, service: HopService, protocol: HopProtocol): number | undefined {
  if (!Number.isInteger(number) || number < 1 || number > SERVER_NUMBER_MOST)
    throw new RangeError("no number of a server");
  return service === "wireguard" && protocol === "tcp" ? undefined : FIRST_PORT[service] + number;
}
