import { isIPv4 } from "node:net";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { certificateName } from "../link/certificate-name.ts";
import type { ProfileFile, ProfileKind, ProfileOptions } from "../profiles/kinds.ts";
import { openvpnProfile } from "../profiles/openvpn.ts";

/** What stands in every server's profiles alike, and where servers are looked up. */
export interface ProfileSources {
  siteName: string;
  named(name: string): FleetServer | undefined;
  /** The exits' authority, PEM; undefined where openssl is missing: then no kind of file that needs it. */
  authority: string | undefined;
  tlsCrypt: string;
}

/** What a maker of one kind of file is told beside the options. */
export interface Making {
  siteName: string;
  authority: string;
  tlsCrypt: string;
  /** The files' name without its ending. */
  name: string;
  /** Two hops: what the client dials. */
  via: FleetServer | undefined;
}

type Maker = (servers: readonly FleetServer[], making: Making, options: ProfileOptions) => ProfileFile[];

/** Each kind's own function; the files themselves are made in the room `profiles`. */
const MAKERS: Partial<Record<ProfileKind, Maker>> = { openvpn };

/** The site's `profiles` (web/options.ts). */
export const profilesFor =
  ({ named, authority, siteName, tlsCrypt }: ProfileSources) =>
  (kind: ProfileKind, names: readonly string[], options: ProfileOptions = {}): ProfileFile[] => {
    const servers = names.flatMap((name) => named(name) ?? []);
    const via = options.via === undefined ? undefined : named(options.via);
    const make = MAKERS[kind];
    const [first] = servers;
    if (first === undefined || make === undefined || authority === undefined) return [];
    if (options.via !== undefined && (via === undefined || servers.includes(via))) return [];
    const name = options.name ?? (via === undefined ? first.name : `${first.name}-by-${via.name}`);
    return make(servers, { siteName, authority, tlsCrypt, name, via }, options);
  };

function openvpn(
  servers: readonly FleetServer[],
  { authority, tlsCrypt, name }: Making,
  { system, protocol, byAddress = false }: ProfileOptions,
): ProfileFile[] {
  const offering = servers.flatMap((server) => {
    const { ports } = server.services.find(({ service }) => service === "openvpn") ?? { ports: [] };
    const wanted = ports.filter((port) => protocol === undefined || port.protocol === protocol);
    return wanted.length === 0 ? [] : [{ server, ports: wanted }];
  });
  if (offering.length === 0) return [];
  const content = openvpnProfile({
    serverNames: offering.map(({ server }) => certificateName(server.linkName, server.generation)),
    remotes: offering.flatMap(({ server, ports }) =>
      hostsOf(server, byAddress).flatMap((host) => ports.map((port) => ({ host, ...port }))),
    ),
    ca: authority,
    tlsCrypt,
    system: system === "linux" ? "linux" : undefined,
  });
  const ending = system === "linux" ? "conf" : "ovpn";
  return [{ name: `${name}.${ending}`, type: "application/x-openvpn-profile", content }];
}

function hostsOf({ host, addresses }: FleetServer, byAddress: boolean): string[] {
  const known = byAddress ? addresses.filter((address) => isIPv4(address)) : [];
  return known.length > 0 ? known : [host];
}
