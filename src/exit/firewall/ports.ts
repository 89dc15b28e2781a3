import type { ServerSettings } from "../../link/settings.ts";
import { FORWARDED_PORTS } from "./port-forwarding.ts";

type Settings = Pick<ServerSettings, "sitePorts" | "stunPorts" | "services" | "hops" | "portForwarding">;

export interface ServicePort {
  protocol: "tcp" | "udp";
  port: number;
}

/** Where the services of this exit listen. */
export function servicePorts(services: ServerSettings["services"]): ServicePort[] {
  const { socks5, http, socks5Tls, https, ssh, stealthTls, stealthObfs4 } = services;
  const tcp = [socks5, http, socks5Tls, https, ssh, stealthTls, stealthObfs4];
  const udp = [
    ...(services.wireguard === undefined ? [] : [services.wireguard.port]),
    ...(services.ikev2 === undefined ? [] : [500, 4500]),
  ];
  return [
    ...tcp
      .flatMap((service) => service?.listen ?? [])
      .map(({ port }) => ({ protocol: "tcp" as const, port })),
    ...(services.openvpn?.listen ?? []).map(({ protocol, port }) => ({ protocol, port })),
    ...udp.map((port) => ({ protocol: "udp" as const, port })),
  ];
}

/**
 * The ports that members' connections leave with: the widest stretch that holds none on which this exit answers anybody.
 *
 * CVE-2021-3773 ("port shadowing"): whoever has the exit's port 1194 as the source of a connection to somebody's address gets
 * what that somebody sends to port 1194, in the place of OpenVPN. No connection of a member's may get such a port, neither
 * by asking for it nor by drawing.
 */
export function sourcePorts({
  sitePorts,
  stunPorts,
  services,
  hops,
  portForwarding,
}: Settings): [first: number, last: number] {
  const taken = [
    ...sitePorts,
    ...(stunPorts ?? []),
    ...servicePorts(services).map(({ port }) => port),
    ...(hops ?? []).flatMap(({ ports }) => ports.map(({ port }) => port)),
    ...(portForwarding === true ? FORWARDED_PORTS : []),
  ];
  // Below 1024 are other people's services, too.
  const edges = [...new Set([1023, ...taken.filter((port) => port > 1023), 65_536])].sort((a, b) => a - b);
  const gaps = edges
    .slice(1)
    .map((edge, index): [number, number] => [edges[index]! + 1, edge - 1])
    .sort(([a, b], [c, d]) => d - c - (b - a));
  return gaps[0]!;
}
