import { isIPv6 } from "node:net";
import type { ServerSettings } from "../link/settings.ts";

/**
 * The addresses inside our tunnels: one fixed plan on every exit. Listener i has 10.66.(16·i).0/20 and
 * fd6c:6574:6865:i::/64; the resolver's addresses lie on the loopback interface and belong to no listener.
 */
export const TUNNELS_4 = "10.66.0.0/16";
export const TUNNELS_6 = "fd6c:6574:6865::/48";
export const RESOLVER_4 = "10.66.255.1";
export const RESOLVER_6 = "fd6c:6574:6865:ffff::1";
/** Every tunnel device of ours, and nobody else's, is called so. */
export const DEVICE_PREFIX = "lethe-";

export type OpenvpnSettings = NonNullable<ServerSettings["services"]["openvpn"]>;

export interface Tunnel {
  /** The engine's id, `openvpn-0`. */
  id: string;
  /** `lethe-u0` for UDP, `lethe-t1` for TCP. */
  device: string;
  protocol: "udp" | "tcp";
  listen: { address: string; port: number; family: 4 | 6 };
  /** The exit's own address inside, the clients' gateway. */
  gateway4: string;
  network4: string;
  prefix4: number;
  netmask4: string;
  gateway6: string;
  network6: string;
  prefix6: number;
}

export const tunnelsOf = (settings: OpenvpnSettings | undefined): Tunnel[] =>
  (settings?.listen ?? []).map((listen, index) => ({
    id: `openvpn-${index}`,
    device: `${DEVICE_PREFIX}${listen.protocol === "udp" ? "u" : "t"}${index}`,
    protocol: listen.protocol,
    listen: { address: listen.address, port: listen.port, family: isIPv6(listen.address) ? 6 : 4 },
    gateway4: `10.66.${16 * index}.1`,
    network4: `10.66.${16 * index}.0`,
    prefix4: 20,
    netmask4: "255.255.240.0",
    gateway6: `fd6c:6574:6865:${index}::1`,
    network6: `fd6c:6574:6865:${index}::`,
    prefix6: 64,
  }));
