import type { Pool } from "../firewall/port-forwarding.ts";
import { RESOLVER_4, type Tunnel } from "../tunnel-plan.ts";

export interface OpenvpnPlace {
  /** Folder with tls.key, tls.crt and ca.crt. */
  folder: string;
  managementSocket: string;
  /** Unix user and group that openvpn becomes; undefined where it is started without root anyway. */
  runAs: { user: string; group: string } | undefined;
  /** Who alone may connect to the management socket. */
  keeper: { user: string; group: string } | undefined;
  /** Whether the kernel does IPv6 at all; without it openvpn itself refuses the clients' IPv6. */
  ipv6: boolean;
  /** The addresses that it gives out, where these are not all of its network. */
  pool?: Pool | undefined;
  /** Where connections that do not speak OpenVPN are handed on to (TCP). */
  portShare?: { address: string; port: number } | undefined;
}

/**
 * The server's configuration of one listener (openvpn(8), 2.6). Nothing in it writes: no log, no status file, no pool
 * file. Throws where the tls-crypt key is not one, since its text stands in the file as it is and a line too many would
 * be an option.
 */
export function openvpnConfiguration(tunnel: Tunnel, tlsCrypt: string, place: OpenvpnPlace): string {
  const { protocol, listen } = tunnel;
  const wildcard = listen.address === "0.0.0.0" || listen.address === "::";
  // One socket on :: has the IPv4 clients too, unless it is told otherwise.
  const dual = listen.dual === true && place.ipv6;
  const family = dual ? 6 : listen.family;
  return `${lines(
    "# Written by Lethe from the roster; changes are overwritten.",
    `local ${dual ? "::" : listen.address}`,
    `port ${listen.port}`,
    `proto ${protocol}${family}${protocol === "tcp" ? "-server" : ""}`,
    // Without it a socket on :: takes the IPv4 port as well, and a second listener could not have it.
    family === 6 && !dual && "bind ipv6only",
    place.portShare && `port-share ${place.portShare.address} ${place.portShare.port}`,
    // Answers come from the address that was asked, where the machine has several.
    protocol === "udp" && wildcard && "multihome",
    `dev ${tunnel.device}`,
    "dev-type tun",
    // The device is ours, persistent, and has its addresses already: the routes outlive an engine.
    "ifconfig-noexec",
    "route-noexec",
    "disable-dco",
    "topology subnet",
    ...(place.pool === undefined ? wholeNetwork(tunnel) : partOfNetwork(tunnel, place.pool)),
    "max-clients 4000",
    !place.ipv6 && "block-ipv6",
    `push "dhcp-option DNS ${RESOLVER_4}"`,
    "",
    `ca ${quoted(`${place.folder}/ca.crt`)}`,
    `cert ${quoted(`${place.folder}/tls.crt`)}`,
    `key ${quoted(`${place.folder}/tls.key`)}`,
    "dh none",
    "tls-version-min 1.2",
    "data-ciphers AES-256-GCM:CHACHA20-POLY1305",
    "allow-compression no",
    "",
    "verify-client-cert none",
    "username-as-common-name",
    // Without it a member's second device would throw out the first.
    "duplicate-cn",
    `management ${quoted(place.managementSocket)} unix`,
    "management-client-auth",
    place.keeper && `management-client-user ${place.keeper.user}`,
    place.keeper && `management-client-group ${place.keeper.group}`,
    "script-security 0",
    "",
    // A client over UDP looks for us again after half a minute of silence; we give it up after a whole one.
    "keepalive 10 30",
    "persist-key",
    "persist-tun",
    protocol === "udp" && "explicit-exit-notify 1",
    // A client that ends says so: its session counts no longer, without waiting for the keepalive.
    protocol === "udp" && 'push "explicit-exit-notify 1"',
    // Ten new clients a second are the default, and all members come at once after a restart. Nobody is answered without the tls-crypt key.
    protocol === "udp" && "connect-freq-initial 1000 10",
    protocol === "udp" && "fast-io",
    protocol === "udp" && "sndbuf 2097152",
    protocol === "udp" && "rcvbuf 2097152",
    protocol === "tcp" && "tcp-nodelay",
    place.runAs && `user ${place.runAs.user}`,
    place.runAs && `group ${place.runAs.group}`,
    "",
    "verb 0",
    "log /dev/null",
    "",
    "<tls-crypt>",
    staticKey(tlsCrypt),
    "</tls-crypt>",
  )}\n`;
}

/** The key's 256 bytes as OpenVPN writes them, and not a line more. */
function staticKey(text: string): string {
  const body = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [first, ...rest] = body;
  const last = rest.pop();
  const hex = rest.join("");
  if (
    first !== "-----BEGIN OpenVPN Static key V1-----" ||
    last !== "-----END OpenVPN Static key V1-----" ||
    !/^[0-9a-fA-F]{512}$/.test(hex)
  ) {
    throw new Error("the tls-crypt key of the settings is not an OpenVPN static key");
  }
  return body.join("\n");
}

/** A path as one word of the file: openvpn(8) takes backslashes inside double quotes as escapes. */
function quoted(path: string): string {
  if (/[\n\r\0]/.test(path)) throw new Error("a folder's name has a line break in it");
  return `"${path.replaceAll(/[\\"]/g, "\\$&")}"`;
}

const wholeNetwork = ({ network4, netmask4, network6, prefix6 }: Tunnel): string[] => [
  `server ${network4} ${netmask4}`,
  `server-ipv6 ${network6}/${prefix6}`,
];

/** What --server-ipv6 stands for: it does not go with "nopool" itself (openvpn(8), --server-ipv6). */
const partOfNetwork = (
  { network4, netmask4, gateway6, network6, prefix6 }: Tunnel,
  { first, last }: Pool,
): string[] => [
  `server ${network4} ${netmask4} nopool`,
  `ifconfig-pool ${first} ${last} ${netmask4}`,
  `ifconfig-ipv6 ${gateway6}/${prefix6} ${network6}2`,
  `ifconfig-ipv6-pool ${network6}1000/${prefix6}`,
  'push "tun-ipv6"',
];

const lines = (...parts: (string | false | undefined)[]): string =>
  parts.filter((part) => typeof part === "string").join("\n");
