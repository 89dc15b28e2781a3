import { isIPv6 } from "node:net";
import { WIREGUARD_GATEWAY_4, WIREGUARD_GATEWAY_6 } from "../lib/device-addresses.ts";
import { resolverOf } from "../lib/dns-levels.ts";
import type { ServerSettings } from "../link/settings.ts";

/**
 * The addresses inside our tunnels: one fixed plan on every exit. OpenVPN's listener i has 10.66.(16·i).0/20 and
 * fd6c:6574:6865:i::/64, IKEv2 10.66.128.0/18 and fd6c:6574:6865:8000::/64, WireGuard 10.96.0.0/11 and
 * fd6c:6574:6865:a000::/64; the resolvers' addresses lie on the loopback interface and belong to no tunnel.
 */
export const TUNNELS_4: readonly string[] = ["10.66.0.0/16", "10.96.0.0/11"];
/** A range with all of them in it, of whole bytes: who compares with it need not mask an address first. */
export const AROUND_TUNNELS_4 = "10.0.0.0/8";
/** What the kernel calls a device without a link layer (ARPHRD_NONE, linux/if_arp.h): tun, WireGuard and XFRM devices are such. */
export const TUNNEL_LINK_TYPE = 65_534;
export const TUNNELS_6 = "fd6c:6574:6865::/48";
/** Every tunnel device of ours, and nobody else's, is called so; what an engine names itself is in `tunnelNetworks`. */
export const DEVICE_PREFIX = "lethe-";

/** The resolver that keeps nothing back; whoever asks an address that is no resolver of ours gets to this one. */
export const { v4: RESOLVER_4, v6: RESOLVER_6 } = resolverOf("none");
/** The office's site where it is on this machine: most clients' route to the exit's own address leads past the tunnel. */
export const SITE_4 = "10.66.255.80";
export const SITE_6 = "fd6c:6574:6865:ffff::80";
/** Where members' devices are among `TUNNELS_4`: not the resolvers. */
export const DEVICES_4: readonly string[] = ["10.66.0.0/17", "10.66.128.0/18", "10.96.0.0/11"];

export type OpenvpnSettings = NonNullable<ServerSettings["services"]["openvpn"]>;

/** A device that members' packets come out of, and what they may bear as their source there. */
export interface TunnelNetwork {
  device: string;
  /** The exit's own address inside, the clients' gateway. */
  gateway4: string;
  network4: string;
  prefix4: number;
  gateway6: string;
  network6: string;
  prefix6: number;
  /** The device's group (ip-link(8)): the firewall compares a number where it would copy and look up a name. */
  group: number;
}

/** A group is this and the fourth part of the tunnel's IPv6 network: numbers that nobody else is likely to give. */
const GROUPS = 0x6c65_0000;

export interface Tunnel extends TunnelNetwork {
  /** The engine's id, `openvpn-0`. */
  id: string;
  /** `lethe-u0` for UDP, `lethe-t1` for TCP. */
  device: string;
  protocol: "udp" | "tcp";
  /** `dual`: on the same port of every IPv6 address as well (`0.0.0.0` and `::` are one listener). */
  listen: { address: string; port: number; family: 4 | 6; dual?: true };
  netmask4: string;
}

export const tunnelsOf = (settings: OpenvpnSettings | undefined): Tunnel[] =>
  listenersOf(settings?.listen ?? []).map(({ protocol, ...listen }, index) => ({
    id: `openvpn-${index}`,
    device: `${DEVICE_PREFIX}${protocol === "udp" ? "u" : "t"}${index}`,
    protocol,
    listen,
    gateway4: `10.66.${16 * index}.1`,
    network4: `10.66.${16 * index}.0`,
    prefix4: 20,
    netmask4: "255.255.240.0",
    gateway6: `fd6c:6574:6865:${index}::1`,
    network6: `fd6c:6574:6865:${index}::`,
    prefix6: 64,
    group: GROUPS + index,
  }));

/** Every IPv4 and every IPv6 address are one listener: a process, a device and a network for both. */
function listenersOf(listen: OpenvpnSettings["listen"]): (Tunnel["listen"] & Pick<Tunnel, "protocol">)[] {
  const has = (address: string, { protocol, port }: OpenvpnSettings["listen"][number]): boolean =>
    listen.some((one) => one.address === address && one.protocol === protocol && one.port === port);
  return listen.flatMap((one) => {
    const { protocol, address, port } = one;
    if (address === "::" && has("0.0.0.0", one)) return [];
    const family = isIPv6(address) ? 6 : 4;
    const dual = address === "0.0.0.0" && has("::", one);
    return [{ protocol, address, port, family, ...(dual && { dual }) }];
  });
}

/** The places that a listener stands for, as the settings name them. */
export const placesOf = ({
  listen: { address, port, dual },
}: Tunnel): { address: string; port: number }[] => [
  { address, port },
  ...(dual ? [{ address: "::", port }] : []),
];

/** WireGuard's device; whose addresses are whose is in lib/device-addresses.ts. */
export const WIREGUARD: TunnelNetwork = {
  device: `${DEVICE_PREFIX}wg0`,
  gateway4: WIREGUARD_GATEWAY_4,
  network4: "10.96.0.0",
  prefix4: 11,
  gateway6: WIREGUARD_GATEWAY_6,
  network6: "fd6c:6574:6865:a000::",
  prefix6: 64,
  group: GROUPS + 0xa000,
};

/** IKEv2's addresses; `device` is the XFRM interface, or the libipsec plugin's device once it has been renamed. */
export const IKEV2: TunnelNetwork = {
  device: `${DEVICE_PREFIX}x0`,
  gateway4: "10.66.128.1",
  network4: "10.66.128.0",
  prefix4: 18,
  gateway6: "fd6c:6574:6865:8000::1",
  network6: "fd6c:6574:6865:8000::",
  prefix6: 64,
  group: GROUPS + 0x8000,
};

/** The devices that these settings call for, whether their engines run or not: the firewall stands before any of them. */
export const tunnelNetworks = (services: ServerSettings["services"]): TunnelNetwork[] => [
  ...tunnelsOf(services.openvpn),
  ...(services.wireguard === undefined ? [] : [WIREGUARD]),
  ...(services.ikev2 === undefined ? [] : [IKEV2]),
];
