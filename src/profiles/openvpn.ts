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
  /** Leaves out what only Windows understands; undefined: for every system. */
  system?: "linux" | undefined;
  /** The remote is a program on the client's own device (stunnel, obfs4proxy), or is reached through one. */
  carrier?: Carrier | undefined;
}

/** What carries OpenVPN from the client's device to a server. */
export interface Carrier {
  /** The server's IPv4 address or name: what goes there stays outside of the tunnel. */
  server: string;
  /** Where the program speaks SOCKS5, and the file beside the profile with its user name and password. */
  socks?: { port: number; file: string } | undefined;
}

/** Linux has no such option and says so at every start, although it is told to pass it over. */
const WINDOWS = [
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
    "auth-user-pass",
    "",
    "# All traffic, IPv4 and IPv6, goes through the tunnel.",
    "redirect-gateway def1 ipv6",
    ...(input.carrier === undefined ? [] : carried(input.carrier)),
    ...(input.system === "linux" ? [] : WINDOWS),
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
const carried = ({ server, socks }: Carrier): string[] => [
  "# But not what carries it.",
  `route ${word(server)} 255.255.255.255 net_gateway`,
  ...(socks === undefined ? [] : [`socks-proxy 127.0.0.1 ${portNumber(socks.port)} ${word(socks.file)}`]),
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
