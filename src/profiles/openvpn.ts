import { isIPv4 } from "node:net";
import { type DnsLevel, resolverOf } from "../lib/dns-levels.ts";
import { GUARD_MARK, GUARD_SCRIPT } from "./guard.ts";
import type { System } from "./kinds.ts";

interface OpenvpnRemote {
  /** Host name or address of the server. */
  host: string;
  port: number;
  protocol: "udp" | "tcp";
}

export interface OpenvpnProfileInput {
  /**
   * The names in the certificates of the servers that `remotes` are of. The client insists on the one; of several, on what
   * their names begin with, as openvpn(8) can say no more.
   */
  serverNames: readonly string[];
  /** In any order; UDP comes first in the file. */
  remotes: readonly OpenvpnRemote[];
  /** The authority's certificate, PEM. */
  ca: string;
  /** The OpenVPN static key of the server, as `openvpn --genkey tls-crypt` writes it. */
  tlsCrypt: string;
  /** Leaves out what that system does not understand; undefined: for every system. */
  system?: System | undefined;
  /** The resolver inside the tunnel; `none` where nothing is said, which is the one that the server names itself. */
  level?: DnsLevel | undefined;
  /** For Linux: all routes in a table of their own, DNS pinned, and a kill switch, by the script of guard.ts beside the file. */
  guarded?: boolean | undefined;
  /** The file on the client with VPN username and password on two lines; undefined: it asks. For routers, which cannot. */
  loginFile?: string | undefined;
  /** The remote is a program on the client's own device (stunnel, obfs4proxy), or is reached through one. */
  carrier?: Carrier | undefined;
}

/** What carries OpenVPN from the client's device to a server. */
export interface Carrier {
  /** The server's IPv4 address, or its name where the profile is not guarded: what goes there stays outside of the tunnel. */
  server: string;
  /** Guarded, nothing else on that server is reached past the tunnel. */
  port: number;
  /** Where the program speaks SOCKS5, and the file beside the profile with its user name and password. */
  socks?: { port: number; file: string } | undefined;
}

/** Linux has no such option and says so at every start, although it is told to pass it over. */
const BLOCK_OUTSIDE_DNS = [
  "# Windows asks every resolver it knows unless the others are blocked; other systems have no such option.",
  "ignore-unknown-option block-outside-dns",
  "block-outside-dns",
];

/**
 * A profile (.ovpn, .conf) that any OpenVPN client from 2.5 on, OpenVPN Connect and NetworkManager take as it is; options as
 * in openvpn(8). It asks for VPN username and password: neither stands in the file. Throws RangeError where a value could
 * break out of its line, or no remote is given.
 *
 * Of several servers each start of the client takes another: `remote-random`.
 *
 * No `auth-nocache`: it makes the client ask for the password again at every hourly renegotiation and at every
 * reconnection, and a client without a terminal then gives up.
 */
export function openvpnProfile(input: OpenvpnProfileInput): string {
  const { system, guarded = false, level = "none", loginFile } = input;
  const remotes = [
    ...input.remotes.filter(({ protocol }) => protocol === "udp"),
    ...input.remotes.filter(({ protocol }) => protocol === "tcp"),
  ];
  if (remotes.length === 0 || input.serverNames.length === 0)
    throw new RangeError("openvpnProfile: no remote");
  return [
    "client",
    "dev tun",
    "nobind",
    // A port that listens on IPv4 and IPv6 is one remote: the client resolves the name to both.
    ...new Set(
      remotes.map(({ host, port, protocol }) => `remote ${word(host)} ${portNumber(port)} ${protocol}`),
    ),
    ...(input.serverNames.length > 1 ? ["remote-random"] : []),
    "# A network that swallows UDP is given up on after 10 seconds, and TCP is tried.",
    "server-poll-timeout 10",
    "resolv-retry infinite",
    "persist-key",
    "persist-tun",
    loginFile === undefined ? "auth-user-pass" : `auth-user-pass ${path(loginFile)}`,
    "",
    ...(guarded ? guard(level) : ROUTES),
    ...(input.carrier === undefined ? [] : carried(input.carrier, guarded)),
    ...(system === undefined || system === "windows" ? BLOCK_OUTSIDE_DNS : []),
    ...(level === "none" ? [] : resolver(level)),
    "",
    "remote-cert-tls server",
    ...nameCheck(input.serverNames),
    "tls-version-min 1.2",
    "data-ciphers AES-256-GCM:CHACHA20-POLY1305",
    "verb 3",
    "",
    "<ca>",
    block(input.ca, "CERTIFICATE"),
    "</ca>",
    "<tls-crypt>",
    block(input.tlsCrypt, "OpenVPN Static key V1"),
    "</tls-crypt>",
    "",
  ].join("\n");
}

/** OpenVPN knows its remote as this device: it is told where the packets really go. */
const carried = ({ server, port, socks }: Carrier, guarded: boolean): string[] => [
  "# But not what carries it.",
  guarded
    ? `setenv LETHE_CARRIER ${ipv4(server)}:${portNumber(port)}`
    : `route ${word(server)} 255.255.255.255 net_gateway`,
  ...(socks === undefined ? [] : [`socks-proxy 127.0.0.1 ${portNumber(socks.port)} ${word(socks.file)}`]),
];

const ROUTES = ["# All traffic, IPv4 and IPv6, goes through the tunnel.", "redirect-gateway def1 ipv6"];

/** Of several resolvers a client asks any: the one that the server names has to go (openvpn(8), --pull-filter). */
const resolver = (level: DnsLevel): string[] => [
  "# The resolver that blocks what was chosen, instead of the one that blocks nothing.",
  'pull-filter ignore "dhcp-option DNS"',
  `dhcp-option DNS ${resolverOf(level).v4}`,
];

const guard = (level: DnsLevel): string[] => [
  `# All traffic goes through the tunnel, by a routing table of its own that no network can add to: ${GUARD_SCRIPT}`,
  "# makes it, and a kill switch. Start openvpn in the folder of both files.",
  "route-noexec",
  `mark ${GUARD_MARK}`,
  "script-security 2",
  `setenv LETHE_DNS4 ${resolverOf(level).v4}`,
  `setenv LETHE_DNS6 ${resolverOf(level).v6}`,
  `up "/bin/sh ${GUARD_SCRIPT}"`,
  `down "/bin/sh ${GUARD_SCRIPT}"`,
];

function nameCheck(names: readonly string[]): string[] {
  const [first = "", ...others] = names.map(word);
  if (others.length === 0) return [`verify-x509-name ${first} name`];
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--;
  return length === 0 ? [] : [`verify-x509-name ${first.slice(0, length)} name-prefix`];
}

/** One word of the file, with nothing that openvpn(8) reads as a blank, a quote, a comment or an end of line. */
function word(text: string): string {
  if (!/^[A-Za-z0-9._:-]{1,253}$/.test(text))
    throw new RangeError("openvpnProfile: not a name or an address");
  return text;
}

/** A name would be the network's to answer: it could have any address left out of the tunnel. */
function ipv4(text: string): string {
  if (!isIPv4(text)) throw new RangeError("openvpnProfile: not an IPv4 address");
  return text;
}

function path(text: string): string {
  if (!/^\/[A-Za-z0-9._/-]{1,200}$/.test(text)) throw new RangeError("openvpnProfile: not a path");
  return text;
}

function portNumber(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError("openvpnProfile: not a port");
  return port;
}

/** What stands between the begin and the end line, those included; comments around them are left out. */
function block(text: string, label: string): string {
  const found = new RegExp(`-----BEGIN ${label}-----\r?\n[A-Za-z0-9+/=\r\n]+-----END ${label}-----`).exec(
    text,
  );
  if (found === null) throw new RangeError(`openvpnProfile: no ${label}`);
  return found[0].replaceAll("\r", "");
}
