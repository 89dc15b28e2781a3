import { createHash } from "node:crypto";
import { isIP, isIPv4 } from "node:net";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { hopPort } from "../fleet/hops.ts";
import { deviceAddresses } from "../lib/device-addresses.ts";
import { resolverOf } from "../lib/dns-levels.ts";
import { certificateName } from "../link/certificate-name.ts";
import { GUARD_SCRIPT, guardScript } from "../profiles/guard.ts";
import type { ProfileFile, ProfileKind, ProfileOptions } from "../profiles/kinds.ts";
import { mobileconfig } from "../profiles/mobileconfig.ts";
import { openvpnProfile } from "../profiles/openvpn.ts";
import { OPENWRT_LOGIN, openwrtScript } from "../profiles/openwrt.ts";
import { proxyAutoConfig } from "../profiles/proxy.ts";
import { sshConfig, sshKnownHosts } from "../profiles/ssh.ts";
import { type Ikev2Input, providerOf, sswanProfile } from "../profiles/sswan.ts";
import { type StealthInput, stealthObfs4Files, stealthTlsFiles } from "../profiles/stealth.ts";
import { windowsScript } from "../profiles/windows.ts";
import { wireguardProfile } from "../profiles/wireguard.ts";
import { isPrivateIpv4 } from "./addresses.ts";

/** What stands in every server's profiles alike, and where servers are looked up. */
export interface ProfileSources {
  siteName: string;
  named(name: string): FleetServer | undefined;
  /** The exits' authority, PEM; undefined where openssl is missing: then no kind of file that needs it. */
  authority: string | undefined;
  /** The same authority as strongSwan takes it (authority.ts). */
  strongswanAuthority?: string | undefined;
  tlsCrypt: string;
}

/** What a maker of one kind of file is told beside the options. */
export interface Making {
  siteName: string;
  authority: string;
  strongswanAuthority: string | undefined;
  tlsCrypt: string;
  /** The files' name without its ending. */
  name: string;
  /** Two hops: what the client dials. */
  via: FleetServer | undefined;
}

type Maker = (servers: readonly FleetServer[], making: Making, options: ProfileOptions) => ProfileFile[];

/** Each kind's own function; the files themselves are made in the room `profiles`. */
const MAKERS: Partial<Record<ProfileKind, Maker>> = {
  openvpn,
  "openvpn-guarded": openvpnGuarded,
  openwrt,
  pac,
  ssh,
  "stealth-tls": (servers, making, options) =>
    stealthOf("stealth-tls", servers, making, options).flatMap(({ input }) => stealthTlsFiles(input)),
  "stealth-obfs4": (servers, making, options) =>
    stealthOf("stealth-obfs4", servers, making, options).flatMap(({ input, server }) =>
      server.identity?.obfs4 === undefined
        ? []
        : stealthObfs4Files({ ...input, bridge: server.identity.obfs4 }),
    ),
  wireguard,
  mobileconfig: (servers, making, options) =>
    ikev2Of(servers, making, options).map((input) => ({
      name: `${making.name}.mobileconfig`,
      type: "application/x-apple-aspen-config",
      content: mobileconfig(input),
    })),
  sswan: (servers, making, options) =>
    ikev2Of(servers, making, options).map((input) => ({
      name: `${making.name}.sswan`,
      type: "application/vnd.strongswan.profile",
      content: sswanProfile({ ...input, ca: making.strongswanAuthority ?? input.ca }),
    })),
  windows: (servers, making, options) =>
    ikev2Of(servers, making, { ...options, byAddress: true })
      .filter(({ host }) => isIPv4(host))
      .map((input) => ({
        name: `${making.name}.ps1`,
        type: "text/plain",
        content: windowsScript(input),
      })),
};

const TWO_HOPS = new Set<ProfileKind>(["openvpn", "openvpn-guarded", "openwrt", "wireguard"]);

/** The site's `profiles` (web/options.ts). */
export const profilesFor =
  ({ named, authority, strongswanAuthority, siteName, tlsCrypt }: ProfileSources) =>
  (kind: ProfileKind, names: readonly string[], options: ProfileOptions = {}): ProfileFile[] => {
    const servers = names.flatMap((name) => named(name) ?? []);
    const via = options.via === undefined ? undefined : named(options.via);
    const make = MAKERS[kind];
    const [first] = servers;
    if (first === undefined || make === undefined || authority === undefined) return [];
    // Of several servers each would need a port of its own on the first one; IKE, SSH and proxies know no two hops.
    if (options.via !== undefined)
      if (via === undefined || via === first || servers.length > 1 || !TWO_HOPS.has(kind)) return [];
    const name = options.name ?? (via === undefined ? first.name : `${first.name}-by-${via.name}`);
    return make(servers, { siteName, authority, strongswanAuthority, tlsCrypt, name, via }, options);
  };

interface OpenvpnWay {
  host: string;
  port: number;
  protocol: "udp" | "tcp";
}

/** Where OpenVPN is to be dialled for a server; none where it has none over that protocol, or none leads on to it. */
function openvpnWays(
  server: FleetServer,
  via: FleetServer | undefined,
  hostsOf: (server: FleetServer) => readonly string[],
  { protocol }: ProfileOptions,
): OpenvpnWay[] {
  const { ports } = server.services.find(({ service }) => service === "openvpn") ?? { ports: [] };
  const wanted = ports.filter((port) => protocol === undefined || port.protocol === protocol);
  if (via === undefined) return wanted.flatMap((port) => hostsOf(server).map((host) => ({ host, ...port })));
  return [...new Set(wanted.map((port) => port.protocol))].flatMap((each) => {
    const port = hopPort(server.number, "openvpn", each);
    return port === undefined ? [] : hostsOf(via).map((host) => ({ host, port, protocol: each }));
  });
}

/** The profile's text; undefined where none of the servers has OpenVPN so. */
function openvpnText(
  servers: readonly FleetServer[],
  { authority, tlsCrypt, via }: Making,
  hostsOf: (server: FleetServer) => readonly string[],
  options: ProfileOptions,
  more: { guarded?: boolean; loginFile?: string } = {},
): string | undefined {
  const offering = servers
    .map((server) => ({ server, ways: openvpnWays(server, via, hostsOf, options) }))
    .filter(({ ways }) => ways.length > 0);
  if (offering.length === 0) return undefined;
  return openvpnProfile({
    serverNames: offering.map(({ server }) => certificateName(server.linkName, server.generation)),
    remotes: offering.flatMap(({ ways }) => ways),
    ca: authority,
    tlsCrypt,
    system: options.system,
    level: options.level,
    ...more,
  });
}

const OPENVPN = "application/x-openvpn-profile";

function openvpn(servers: readonly FleetServer[], making: Making, options: ProfileOptions): ProfileFile[] {
  const hosts = (server: FleetServer) => {
    const known = addressesOf(server);
    return options.byAddress && known.length > 0 ? known : [...new Set([server.host, ...known])];
  };
  // The addresses behind the name: a client that lost its server still has its routes into the tunnel, where nobody answers the
  // question for the name.
  const content = openvpnText(servers, making, hosts, options);
  const ending = options.system === "linux" ? "conf" : "ovpn";
  return content === undefined ? [] : [{ name: `${making.name}.${ending}`, type: OPENVPN, content }];
}

/** By addresses first: while the kill switch is shut no name can be asked for. */
function openvpnGuarded(
  servers: readonly FleetServer[],
  making: Making,
  options: ProfileOptions,
): ProfileFile[] {
  const hosts = (server: FleetServer) => [...new Set([...addressesOf(server), server.host])];
  const content = openvpnText(servers, making, hosts, { ...options, system: "linux" }, { guarded: true });
  if (content === undefined) return [];
  return [
    { name: `${making.name}.conf`, type: OPENVPN, content },
    { name: GUARD_SCRIPT, type: "application/x-sh", content: guardScript() },
  ];
}

/** By addresses alone, for the same reason; by the name where none are known. */
function openwrt(servers: readonly FleetServer[], making: Making, options: ProfileOptions): ProfileFile[] {
  const hosts = (server: FleetServer) => {
    const known = addressesOf(server);
    return known.length > 0 ? known : [server.host];
  };
  // The router's resolver is told by the script: the profile names none.
  const { level, ...rest } = options;
  const content = openvpnText(
    servers,
    making,
    hosts,
    { ...rest, system: "router" },
    { loginFile: OPENWRT_LOGIN },
  );
  if (content === undefined) return [];
  return [
    { name: `${making.name}.ovpn`, type: OPENVPN, content },
    { name: "setup.sh", type: "application/x-sh", content: openwrtScript(level) },
  ];
}

/** A device's file, of one server; none before the server has told its key. */
function wireguard(
  [server, ...others]: readonly FleetServer[],
  { name, via }: Making,
  { device, level = "none", system, byAddress }: ProfileOptions,
): ProfileFile[] {
  const offer = server?.services.find(({ service }) => service === "wireguard")?.ports[0];
  const serverKey = server?.identity?.wireguard;
  if (server === undefined || others.length > 0 || offer === undefined || serverKey === undefined) return [];
  if (device === undefined) return [];
  const port = via === undefined ? offer.port : hopPort(server.number, "wireguard", "udp");
  if (port === undefined) return [];
  const dialled = via ?? server;
  const host = (byAddress ? addressesOf(dialled)[0] : undefined) ?? dialled.host;
  const content = wireguardProfile({
    privateKey: device.privateKey,
    address: deviceAddresses(device.index),
    resolver: resolverOf(level),
    serverKey,
    endpoint: { host, port },
    system: system === "linux" ? "linux" : undefined,
  });
  return [{ name: `${deviceName(name)}.conf`, type: "application/octet-stream", content }];
}

/** wg-quick(8) makes the file's name the device's, which has at most 15 characters. */
function deviceName(name: string): string {
  const short = name.length <= 15 ? name : name.replace("-by-", "-");
  if (short.length <= 15) return short;
  return `${short.slice(0, 10)}-${createHash("sha256").update(name).digest("hex").slice(0, 4)}`;
}

/** For one server, by an address: while the tunnel is being built its name may be nobody's to ask for. */
function stealthOf(
  kind: "stealth-tls" | "stealth-obfs4",
  [server, ...others]: readonly FleetServer[],
  { name, authority, tlsCrypt }: Making,
  { system, level }: ProfileOptions,
): { input: StealthInput; server: FleetServer }[] {
  const ports = server?.services.find(({ service }) => service === kind)?.ports ?? [];
  // 443 is let through where nothing else is.
  const { port } = ports.find((offered) => offered.port === 443) ?? ports[0] ?? {};
  if (server === undefined || others.length > 0 || port === undefined) return [];
  const host = addressesOf(server)[0] ?? server.host;
  const serverName = certificateName(server.linkName, server.generation);
  // The kill switch lets the one address out that it knows.
  const guarded = system === "linux" && isIPv4(host);
  return [
    { input: { name, serverName, host, port, ca: authority, tlsCrypt, system, level, guarded }, server },
  ];
}

/** Of one server: the formats hold one connection each. */
function ikev2Of(
  [server, ...others]: readonly FleetServer[],
  { siteName, authority }: Making,
  { level, byAddress }: ProfileOptions,
): Ikev2Input[] {
  if (server === undefined || others.length > 0) return [];
  if (!server.services.some(({ service }) => service === "ikev2")) return [];
  const host = (byAddress ? addressesOf(server)[0] : undefined) ?? server.host;
  const serverName = certificateName(server.linkName, server.generation);
  const title = `${server.name} (${siteName})`;
  return [{ title, host, serverName, provider: providerOf(authority), ca: authority, level }];
}

const CONFIG = "text/plain";

function ssh(
  servers: readonly FleetServer[],
  { name }: Making,
  { system, username }: ProfileOptions,
): ProfileFile[] {
  const places = servers.flatMap(({ name: short, host, services, identity }) => {
    const port = services.find(({ service }) => service === "ssh")?.ports[0]?.port;
    const keys = identity?.ssh ?? [];
    return port === undefined || keys.length === 0
      ? []
      : [{ name: short, host, port, keys: [...keys].sort(ed25519First) }];
  });
  if (places.length === 0) return [];
  const config = (knownHosts?: string): ProfileFile => ({
    name: `${name}.ssh-config`,
    type: CONFIG,
    content: sshConfig({ places, username, knownHosts }),
  });
  // Windows has no echo that could be started by itself.
  if (system !== "windows") return [config()];
  const knownHosts = `${name}.known-hosts`;
  return [config(knownHosts), { name: knownHosts, type: CONFIG, content: sshKnownHosts(places) }];
}

const ed25519First = (a: string, b: string): number =>
  Number(b.startsWith("ssh-ed25519 ")) - Number(a.startsWith("ssh-ed25519 "));

function pac(servers: readonly FleetServer[], { name }: Making, { system }: ProfileOptions): ProfileFile[] {
  const places = servers.flatMap((server) => {
    const port = (wanted: string) =>
      server.services.find(({ service }) => service === wanted)?.ports[0]?.port;
    const place = {
      host: server.host,
      // Android's own reading of these files knows none (PacProxySelector.java).
      httpsPort: system === "android" ? undefined : port("https"),
      httpPort: port("http"),
      socks5Port: port("socks5"),
    };
    return (place.httpsPort ?? place.httpPort ?? place.socks5Port) === undefined ? [] : [place];
  });
  if (places.length === 0) return [];
  return [
    { name: `${name}.pac`, type: "application/x-ns-proxy-autoconfig", content: proxyAutoConfig(...places) },
  ];
}

/**
 * The server's IPv4 addresses. A host that is an address comes first: behind NAT the machine's own addresses lead nowhere.
 * Behind a name private ones are left out: in the member's own network they would be another machine.
 */
function addressesOf({ host, addresses }: FleetServer): string[] {
  const ipv4 = [...new Set([host, ...addresses].filter((address) => isIPv4(address)))];
  return isIP(host) === 0 ? ipv4.filter((address) => !isPrivateIpv4(address)) : ipv4;
}
