import type { ServerSettings } from "../link/settings.ts";
import type { FleetServer } from "./fleet-server.ts";

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
 * The port of any server that leads on to the server of this number; undefined where there is none (WireGuard has no TCP, and
 * a thousandth server no ports). Throws RangeError for what is no number of a server.
 */
export function hopPort(number: number, service: HopService, protocol: HopProtocol): number | undefined {
  if (!Number.isInteger(number) || number < 1) throw new RangeError("no number of a server");
  if (number > SERVER_NUMBER_MOST || (service === "wireguard" && protocol === "tcp")) return undefined;
  return FIRST_PORT[service] + number;
}

type Hop = NonNullable<ServerSettings["hops"]>[number];

/** Where each server of the fleet leads on to: every other one that members can use, and WireGuard or OpenVPN is on. */
export const hopsOf = (
  self: Pick<FleetServer, "number">,
  servers: readonly Pick<FleetServer, "number" | "addresses" | "services" | "local" | "nkey">[],
): Hop[] =>
  servers
    .filter(({ number, local, nkey }) => number !== self.number && (local || nkey !== undefined))
    .map(({ number, addresses, services }) => ({
      addresses,
      ports: (["wireguard", "openvpn"] as const).flatMap((service) =>
        (["udp", "tcp"] as const).flatMap((protocol) => {
          const offer = services.find((each) => each.service === service);
          const to = offer?.ports.find((each) => each.protocol === protocol)?.port;
          const port = hopPort(number, service, protocol);
          return to === undefined || port === undefined ? [] : [{ protocol, port, to }];
        }),
      ),
    }))
    .filter(({ addresses, ports }) => addresses.length > 0 && ports.length > 0);
