import { isIPv4 } from "node:net";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { certificateName } from "../link/certificate-name.ts";
import { openvpnProfile } from "../profiles/openvpn.ts";
import type { ProfileOptions } from "../web/options.ts";

/** What stands in every server's profile alike. */
export interface ProfileSecrets {
  /** The exits' authority, PEM. */
  authority: string;
  tlsCrypt: string;
}

/** The .ovpn of these servers, for every member alike (it names no member); undefined where none of them has OpenVPN so. */
export function profileOf(
  servers: readonly FleetServer[],
  { authority, tlsCrypt }: ProfileSecrets,
  { system, protocol, byAddress = false }: ProfileOptions = {},
): string | undefined {
  const offering = servers.flatMap((server) => {
    const { ports } = server.services.find(({ service }) => service === "openvpn") ?? { ports: [] };
    const wanted = ports.filter((port) => protocol === undefined || port.protocol === protocol);
    return wanted.length === 0 ? [] : [{ server, ports: wanted }];
  });
  if (offering.length === 0) return undefined;
  return openvpnProfile({
    serverNames: offering.map(({ server }) => certificateName(server.linkName, server.generation)),
    remotes: offering.flatMap(({ server, ports }) =>
      hostsOf(server, byAddress).flatMap((host) => ports.map((port) => ({ host, ...port }))),
    ),
    ca: authority,
    tlsCrypt,
    system,
  });
}

function hostsOf({ host, addresses }: FleetServer, byAddress: boolean): string[] {
  const known = byAddress ? addresses.filter((address) => isIPv4(address)) : [];
  return known.length > 0 ? known : [host];
}
