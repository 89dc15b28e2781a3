import { isIP } from "node:net";
import type { FleetServer, NewServer } from "./fleet-server.ts";
import { groupsOf, SHORT_NAME } from "./groups.ts";
import type { Listens } from "./listens.ts";
import type { Server } from "./servers.ts";

export type NameError = "name-invalid" | "name-generation" | "name-taken" | "name-is-group";
export type NewServerError =
  | NameError
  | "group-invalid"
  | "group-is-server"
  | "city-invalid"
  | "country-code-unknown"
  | "country-invalid"
  | "place-invalid"
  | "bandwidth-invalid"
  | "host-invalid"
  | "host-taken"
  | "address-missing"
  | "address-invalid"
  | "address-taken"
  | "listens-invalid";

const GROUPS_MOST = 16;
const ADDRESSES_MOST = 16;
const LISTENERS_MOST = 8;
const STEALTH_LISTENERS_MOST = 4;
/** Codes that Unicode knows and ISO 3166-1 has no country for. */
const NO_COUNTRIES = new Set([
  "AC",
  "CP",
  "DG",
  "EA",
  "EU",
  "EZ",
  "IC",
  "QO",
  "TA",
  "UK",
  "UN",
  "XA",
  "XB",
  "ZZ",
]);
const countryNames = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });

/** The English name of an ISO 3166-1 country ("XX": none said); undefined where there is no such code. */
export function countryName(code: string): string | undefined {
  if (code === "XX") return "Unknown country";
  return /^[A-Z]{2}$/.test(code) && !NO_COUNTRIES.has(code) ? countryNames.of(code) : undefined;
}

const oneLine = (text: string, most: number): boolean =>
  text.length > 0 && text.length <= most && text.trim() === text && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
const within = (value: number, least: number, most: number): boolean => value >= least && value <= most;
/** Without a zone (`fe80::1%eth0`): link/settings.ts. */
const isAddress = (text: string): boolean => !text.includes("%") && isIP(text) !== 0;
const isHost = (text: string): boolean =>
  isAddress(text) || /^(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(text);

/** What is wrong with a name for a new or renamed server; `others` are all servers but itself. */
export function checkName(
  name: string,
  others: readonly Pick<FleetServer, "name" | "linkName" | "groups">[],
): NameError | undefined {
  if (!SHORT_NAME.test(name)) return "name-invalid";
  // london1-g2 is what london1's certificate is called in its second generation.
  if (/-g[0-9]+$/.test(name)) return "name-generation";
  if (others.some((other) => other.name === name || other.linkName === name)) return "name-taken";
  if (others.some((other) => groupsOf(other).includes(name))) return "name-is-group";
  return undefined;
}

/** The first thing that is wrong with what an operator says of a new server; undefined where nothing is. */
export function checkNewServer(
  server: NewServer,
  others: readonly FleetServer[],
): NewServerError | undefined {
  const { name, host, city, country, countryCode, addresses, groups = [] } = server;
  const nameError = checkName(name, others);
  if (nameError !== undefined) return nameError;
  const allGroups = groupsOf({ name, groups });
  if (groups.length > GROUPS_MOST || !groups.every((group) => SHORT_NAME.test(group))) return "group-invalid";
  if (allGroups.some((group) => group === name || others.some((other) => other.name === group)))
    return "group-is-server";
  if (!oneLine(city, 60)) return "city-invalid";
  if (countryName(countryCode) === undefined) return "country-code-unknown";
  if (!oneLine(country, 60)) return "country-invalid";
  if (!within(server.latitude, -90, 90) || !within(server.longitude, -180, 180)) return "place-invalid";
  if (!within(server.bandwidthMbit, 1, 1_000_000)) return "bandwidth-invalid";
  if (host !== undefined && !isHost(host)) return "host-invalid";
  if (addresses.length === 0) return "address-missing";
  if (addresses.length > ADDRESSES_MOST || !addresses.every(isAddress)) return "address-invalid";
  const hostOf = ({
    host: own,
    addresses: [first],
  }: Pick<Server, "addresses"> & { host?: string | undefined }) => (own ?? first)?.toLowerCase();
  if (others.some((other) => hostOf(other) === hostOf(server))) return "host-taken";
  if (others.some((other) => other.addresses.some((address) => addresses.includes(address))))
    return "address-taken";
  if (server.listens !== undefined && !listensHold(server.listens)) return "listens-invalid";
  return undefined;
}

function listensHold({ openvpn, wireguard, ikev2, ...proxies }: Listens): boolean {
  const { socks5, http, ssh = [], socks5Tls = [], https = [], stealthTls = [], stealthObfs4 = [] } = proxies;
  const tcp = (places: typeof socks5) => places.map((place) => ({ protocol: "tcp" as const, ...place }));
  // OpenVPN hands on what is TLS: the two may have one place.
  const shared = ({ address, port }: (typeof socks5)[number]): boolean =>
    openvpn.some((one) => one.protocol === "tcp" && one.address === address && one.port === port);
  const all = [
    ...openvpn,
    ...(wireguard === undefined || wireguard.port === 0
      ? []
      : ["0.0.0.0", "::"].map((address) => ({ protocol: "udp" as const, address, ...wireguard }))),
    ...(ikev2
      ? [500, 4500].flatMap((port) =>
          ["0.0.0.0", "::"].map((address) => ({ protocol: "udp" as const, address, port })),
        )
      : []),
    ...tcp([...socks5, ...http, ...ssh, ...socks5Tls, ...https, ...stealthObfs4]),
    ...tcp(stealthTls.filter((place) => !shared(place))),
  ];
  const meet = (a: string, b: string) =>
    a === b || (isIP(a) === isIP(b) && [a, b].some((address) => address === "0.0.0.0" || address === "::"));
  const double = all.some(({ protocol, address, port }, index) =>
    all
      .slice(0, index)
      .some((other) => other.protocol === protocol && other.port === port && meet(other.address, address)),
  );
  return (
    all.length > 0 &&
    [openvpn, socks5, http, ssh, socks5Tls, https].every((list) => list.length <= LISTENERS_MOST) &&
    [stealthTls, stealthObfs4].every((list) => list.length <= STEALTH_LISTENERS_MOST) &&
    all.every(
      ({ address, port }) => isAddress(address) && Number.isInteger(port) && within(port, 1, 65_535),
    ) &&
    !double
  );
}
