import { isIP } from "node:net";
import type { FleetServer } from "../fleet/fleet-server.ts";
import type { Listens } from "../fleet/listens.ts";
import type { Blocked } from "../lib/port-range.ts";
import { certificateName } from "../link/certificate-name.ts";
import { type ServerSettings, serverSettings } from "../link/settings.ts";
import type { Config } from "./config.ts";
import { type ListenAddress, parseListen } from "./listen-address.ts";
import { hasCertificate, publicNameSetting } from "./public-name.ts";
import { siteInside, sitePorts } from "./site-address.ts";

const listens = (texts: string[]): ListenAddress[] => texts.map((text) => parseListen(text)!);
const portsOf = (texts: string[]): number[] => [...new Set(listens(texts).map(({ port }) => port))];

type Services = ServerSettings["services"];

/** What every server of this provider is told alike. */
const common = ({ egress, limits, dns, vpn }: Config) => ({
  egress: { allow: egress.allow, deny: egress.deny, denyPorts: egress.deny_ports },
  limits: {
    connectionsPerCredential: limits.connections_per_credential,
    sessionsPerCredential: limits.sessions_per_credential,
    handshakeMs: Math.round(limits.handshake_seconds * 1000),
    idleMs: Math.round(limits.idle_minutes * 60_000),
  },
  dns: { forward: dns.forward, ...(!dns.validate && { validate: false as const }) },
  portForwarding: vpn.port_forwarding,
});

/** Where the services listen on this machine. */
function ownListens(config: Config): Listens {
  const { openvpn, stealth, socks5, http_proxy, https_proxy, socks5_tls, ssh, wireguard, ikev2 } = config;
  const udp = listens(openvpn.udp).map((listen) => ({ protocol: "udp" as const, ...listen }));
  const tcp = listens(openvpn.tcp).map((listen) => ({ protocol: "tcp" as const, ...listen }));
  return {
    openvpn: [...udp, ...tcp],
    socks5: listens(socks5.listen),
    http: listens(http_proxy.listen),
    ssh: listens(ssh.listen),
    socks5Tls: listens(socks5_tls.listen),
    https: listens(https_proxy.listen),
    stealthTls: listens(stealth.tls),
    stealthObfs4: listens(stealth.obfs4),
    wireguard,
    ikev2: ikev2.enabled,
  };
}

/**
 * What stands in lethe.toml for every server, and is left out on this machine, since its site has the port: of the services
 * that have a website's ports (443, 8443).
 */
function leftToSite({ site, openvpn, stealth, https_proxy }: Config): { setting: string; text: string }[] {
  const taken = listens(site.listen);
  const wanted = [
    ...openvpn.tcp.map((text) => ({ setting: "openvpn.tcp", text })),
    ...stealth.tls.map((text) => ({ setting: "stealth.tls", text })),
    ...https_proxy.listen.map((text) => ({ setting: "https_proxy.listen", text })),
  ];
  return wanted.filter(({ text }) => taken.some((place) => meet(place, parseListen(text)!)));
}

/** The same as sentences for the operator. */
export function notesOfPorts(config: Config): string[] {
  const left = leftToSite(config).map(({ setting, text }) => `${setting} ${text}`);
  if (left.length === 0) return [];
  return [`The site has the port of ${left.join(", ")}: left out on this machine, offered on other servers.`];
}

/** Likewise, of what needs a certificate on this machine (`host`: what members' clients connect to). */
export function notesOfCertificate(config: Config, host: string): string[] {
  const wanted = config.https_proxy.listen.length + config.socks5_tls.listen.length > 0;
  if (!wanted || hasCertificate(config, host, true)) return [];
  return [
    `${host} has no public certificate ([tls] in lethe.toml): the HTTPS proxy and SOCKS5 over TLS are left out here.`,
  ];
}

const meet = (one: ListenAddress, other: ListenAddress): boolean =>
  one.port === other.port &&
  isIP(one.address) === isIP(other.address) &&
  (one.address === other.address || [one, other].some(({ address }) => isWildcard(address)));

const isWildcard = (address: string): boolean => address === "0.0.0.0" || address === "::";

/** Those of `ownListens` that this machine's site leaves free. */
function freeListens(config: Config): Listens {
  const left = leftToSite(config);
  const without = (setting: string, texts: string[]): string[] =>
    texts.filter((text) => !left.some((one) => one.setting === setting && one.text === text));
  return ownListens({
    ...config,
    openvpn: { ...config.openvpn, tcp: without("openvpn.tcp", config.openvpn.tcp) },
    stealth: { ...config.stealth, tls: without("stealth.tls", config.stealth.tls) },
    https_proxy: { listen: without("https_proxy.listen", config.https_proxy.listen) },
  });
}

/**
 * Where they listen on a server of which nothing else was said: as here, but an address that is this machine's own stands for
 * all of that machine's. Loopback stays loopback.
 */
export function defaultListens(config: Config): Listens {
  const { openvpn, socks5, http, ssh = [], socks5Tls = [], https = [], ...more } = ownListens(config);
  const { stealthTls = [], stealthObfs4 = [], wireguard, ikev2 = false } = more;
  const anywhere = <Place extends ListenAddress>(places: readonly Place[]): Place[] => {
    const moved = places.map((place) =>
      isLoopback(place.address) ? place : { ...place, address: isIP(place.address) === 4 ? "0.0.0.0" : "::" },
    );
    return [...new Map(moved.map((place) => [JSON.stringify(place), place])).values()];
  };
  return {
    openvpn: anywhere(openvpn),
    socks5: anywhere(socks5),
    http: anywhere(http),
    ssh: anywhere(ssh),
    socks5Tls: anywhere(socks5Tls),
    https: anywhere(https),
    stealthTls: anywhere(stealthTls),
    stealthObfs4: anywhere(stealthObfs4),
    ...(wireguard && { wireguard }),
    ikev2,
  };
}

const isLoopback = (address: string): boolean => address === "::1" || address.startsWith("127.");

/** Where a server of this host listens: as was said of it, or as here. Proxies over TLS only where it is to have a certificate. */
export function listensAt(config: Config, host: string, listens = defaultListens(config)): Listens {
  return hasCertificate(config, host, false) ? listens : withoutTls(listens);
}

const withoutTls = (listens: Listens): Listens => ({ ...listens, socks5Tls: [], https: [] });

const NO_HASH_KEY = Buffer.alloc(32).toString("base64");

export function servicesOf(listens: Listens, tlsCrypt: string): Services {
  const { openvpn, socks5, http, ssh = [], socks5Tls = [], https = [] } = listens;
  const { stealthTls = [], stealthObfs4 = [], wireguard, ikev2 = false } = listens;
  // What they carry is OpenVPN over TCP.
  const inside = openvpn.some(({ protocol }) => protocol === "tcp");
  return {
    ...(socks5.length > 0 && { socks5: { listen: socks5 } }),
    ...(http.length > 0 && { http: { listen: http } }),
    ...(socks5Tls.length > 0 && { socks5Tls: { listen: socks5Tls } }),
    ...(https.length > 0 && { https: { listen: https } }),
    ...(ssh.length > 0 && { ssh: { listen: ssh } }),
    ...(wireguard && wireguard.port > 0 && { wireguard: { port: wireguard.port } }),
    // The key is put in as it is sent (send-settings.ts).
    ...(ikev2 && { ikev2: { hashKey: NO_HASH_KEY } }),
    ...(openvpn.length > 0 && { openvpn: { listen: openvpn, tlsCrypt } }),
    ...(inside && stealthTls.length > 0 && { stealthTls: { listen: stealthTls } }),
    ...(inside && stealthObfs4.length > 0 && { stealthObfs4: { listen: stealthObfs4 } }),
  };
}

/** What the exit on this machine is told: lethe.toml, in the words of the roster's settings section. */
export function settingsOf(
  config: Config,
  host: string,
  addresses: string[],
  tlsCrypt: string,
): ServerSettings {
  const { server } = config;
  return serverSettings.parse({
    ...common(config),
    server: server.name,
    host,
    bandwidthMbit: server.bandwidth_mbit,
    ownAddresses: addresses,
    services: servicesOf(
      hasCertificate(config, host, true) ? freeListens(config) : withoutTls(freeListens(config)),
      tlsCrypt,
    ),
    sitePorts: sitePorts(config),
    ...siteInside(config),
    ...(config.check.stun.length > 0 && { stunPorts: portsOf(config.check.stun) }),
    ...publicNameSetting(config, host),
  });
}

/** What a server somewhere else is told. */
export function remoteSettings(
  config: Config,
  server: FleetServer,
  tlsCrypt: string,
  release: ServerSettings["release"],
): ServerSettings {
  return serverSettings.parse({
    ...common(config),
    server: server.linkName,
    host: server.host,
    bandwidthMbit: server.bandwidthMbit,
    ownAddresses: server.addresses,
    services: servicesOf(listensAt(config, server.host, server.listens), tlsCrypt),
    sitePorts: [],
    draining: server.draining,
    certificateName: certificateName(server.linkName, server.generation),
    ...publicNameSetting(config, server.host),
    ...(release !== undefined && { release }),
  });
}

/** The same, with what the operator has blocked on that server alone. */
export const withBlocked = (settings: ServerSettings, { ports, ranges }: Blocked): ServerSettings => ({
  ...settings,
  egress: {
    ...settings.egress,
    deny: [...settings.egress.deny, ...ranges],
    ...(ports.length > 0 && { denyPortRanges: [...ports] }),
  },
});
