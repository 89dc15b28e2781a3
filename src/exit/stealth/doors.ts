import type { ServerSettings } from "../../link/settings.ts";
import { dialled } from "../self-test/addresses.ts";
import { placesOf, type Tunnel, tunnelsOf } from "../tunnel-plan.ts";

type Services = Pick<ServerSettings["services"], "openvpn" | "stealthTls" | "stealthObfs4">;

export interface Place {
  address: string;
  port: number;
}

/** A place where members' clients come with OpenVPN inside of something else. */
export interface Door {
  /** Of the engine behind it. */
  engine: string;
  service: "stealth-tls" | "stealth-obfs4";
  listen: Place;
  /** OpenVPN's listener that has this very port: it hands on what does not speak OpenVPN. */
  sharedWith?: Tunnel;
  /** Where the engine listens: `listen`, or a place on loopback where OpenVPN has the port. */
  accept: Place;
  /** OpenVPN's own listener (TCP), where what is inside goes. */
  to: Place;
}

/** One stunnel process has all of its doors. */
export const TLS_ENGINE = "stealth-tls";
/** On loopback, and one higher for each further listener of OpenVPN's. */
const SHARED_PORT = 11_440;

/**
 * The doors that these settings ask for; none without an OpenVPN listener on TCP to lead to. Every IPv6 address is left out
 * on a machine without IPv6.
 */
export function doorsOf(services: Services, ipv6: boolean): Door[] {
  const tunnels = tunnelsOf(services.openvpn).filter(({ protocol }) => protocol === "tcp");
  const [first] = tunnels;
  if (first === undefined) return [];
  const there = (listen: Place[] | undefined): Place[] =>
    (listen ?? []).filter(({ address }) => ipv6 || address !== "::");
  const outside = there(services.stealthTls?.listen);
  const tls = outside.map((listen): Door => {
    const base = { engine: TLS_ENGINE, service: "stealth-tls", listen } as const;
    const sharedWith = tunnels.find((tunnel) => placesOf(tunnel).some((place) => same(place, listen)));
    return sharedWith === undefined
      ? { ...base, accept: acceptOf(listen, outside), to: inside(first) }
      : { ...base, accept: portShareOf(sharedWith), to: inside(sharedWith), sharedWith };
  });
  const wanted = there(services.stealthObfs4?.listen);
  const obfs4 = wanted.map((listen): Door => {
    const accept = acceptOf(listen, wanted);
    const engine = `stealth-obfs4-${wanted.indexOf(accept)}`;
    return { engine, service: "stealth-obfs4", listen, accept, to: inside(first) };
  });
  return [...tls, ...obfs4];
}

/** Where OpenVPN's listener hands on what is for stunnel; undefined where it shares its port with nobody. */
export const sharePlaceOf = (doors: readonly Door[], tunnel: Tunnel): Place | undefined =>
  doors.find(({ sharedWith }) => sharedWith?.id === tunnel.id)?.accept;

/** stunnel and obfs4proxy on every IPv6 address have the IPv4 ones as well: the two are one. */
const acceptOf = (listen: Place, all: Place[]): Place =>
  (listen.address === "0.0.0.0" && all.find((one) => one.address === "::" && one.port === listen.port)) ||
  listen;

const portShareOf = ({ id }: Tunnel): Place => ({
  address: "127.0.0.1",
  port: SHARED_PORT + Number(id.split("-")[1]),
});
const inside = ({ listen: { address, port } }: Tunnel): Place => ({ address: dialled(address), port });
const same = (one: Place, other: Place): boolean => one.address === other.address && one.port === other.port;
