import type { ServerSettings } from "../../link/settings.ts";
import { IKEV2, type TunnelNetwork, tunnelsOf } from "../tunnel-plan.ts";

/**
 * Incoming ports without any state: with n, the last 12 bits of a device's address in the tunnel, the exit's ports 10000 + n,
 * 20000 + n and 30000 + n lead to it, TCP and UDP, as long as it has that address. So that no two devices have one n, each
 * OpenVPN listener gives out addresses of its own slice alone (256 of the first 2048), and IKEv2 of the second 2048.
 * IPv4 alone: IPv6 addresses in the tunnel are drawn by other rules.
 */
const FIRST_PORTS = [10_000, 20_000, 30_000] as const;
const NUMBERS = 4096;
const SLICE = 256;

/** The ports that may lead to a member, whoever is online. */
export const FORWARDED_PORTS: readonly number[] = FIRST_PORTS.flatMap((first) =>
  Array.from({ length: NUMBERS }, (_, number) => first + number),
);

/** The ports that lead to the device with this number. */
export const portsOf = (number: number): number[] => FIRST_PORTS.map((first) => first + number);

/** First and last address that may be given out in a network, of those with which port forwarding works. */
export interface Pool {
  first: string;
  last: string;
}

/** Of an OpenVPN listener: 10.66.(17·i).1 to .254 for the one with 10.66.(16·i).0/20, and not the gateway's. */
export function openvpnPool({ network4 }: Pick<TunnelNetwork, "network4">): Pool {
  const index = indexOf(network4);
  return { first: `10.66.${17 * index}.${index === 0 ? 2 : 1}`, last: `10.66.${17 * index}.254` };
}

const indexOf = (network4: string): number => Number(network4.split(".")[2]) / 16;

/** Of IKEv2, while ports lead to devices. */
export const IKEV2_POOL: Pool = { first: "10.66.136.0", last: "10.66.143.255" };

/** Every port that leads to a device, and to which address. `taken`: ports on which this machine itself listens. */
export function forwardedPorts(
  services: ServerSettings["services"],
  taken: ReadonlySet<number>,
): [port: string, address: string][] {
  const openvpn = tunnelsOf(services.openvpn).map((tunnel) =>
    numbersOf(tunnel, indexOf(tunnel.network4) * SLICE, SLICE),
  );
  const ikev2 = services.ikev2 === undefined ? [] : [numbersOf(IKEV2, NUMBERS / 2, NUMBERS / 2)];
  return [...openvpn, ...ikev2].flat().flatMap(({ number, address }) =>
    portsOf(number)
      .filter((port) => !taken.has(port))
      .map((port): [string, string] => [String(port), address]),
  );
}

/** The addresses of a network whose last 12 bits are one of `count` from `first` on, but for the gateway. */
function numbersOf({ network4, gateway4 }: TunnelNetwork, first: number, count: number) {
  const [a, b, c] = network4.split(".").map(Number) as [number, number, number];
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    return { number, address: `${a}.${b}.${c + (number >> 8)}.${number & 255}` };
  }).filter(({ address }) => address !== gateway4);
}
