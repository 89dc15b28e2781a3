import { isIPv4, isIPv6 } from "node:net";

type Pair = { v4: string; v6: string };

interface WireguardProfileInput {
  /** Base64; undefined: a line says where it belongs. */
  privateKey?: string | undefined;
  /** The device's own addresses inside the tunnel (lib/device-addresses.ts). */
  address: Pair;
  /** The resolver inside the tunnel (lib/dns-levels.ts). */
  resolver: Pair;
  /** The public key of the server that the traffic leaves from, base64. */
  serverKey: string;
  /** Where the client sends its packets: with two hops the first server, at the port that stands for the second. */
  endpoint: { host: string; port: number };
  /** Linux: for wg-quick(8), with a routing table of its own and a kill switch. */
  system?: "linux" | undefined;
}

/** What stands in a file without a private key; the member's script or the member puts the key in its place. */
export const PRIVATE_KEY_LINE = "# PrivateKey = the private key that stayed on your device";

/** Routers forget who talked to whom after half a minute without a packet; 25 s is what wg(8) advises. */
const KEEPALIVE_S = 25;

/**
 * The mark of the tunnel's own packets, the number of the table, and the place of the rule. Another than guard.ts has, so that the
 * one's end does not take down the other's.
 */
export const WIREGUARD_MARK = 27_750;

/**
 * A WireGuard file (wg(8), wg-quick(8)) with all traffic, IPv4 and IPv6, in the tunnel and its resolver named. Every WireGuard app
 * takes the general one; with all addresses allowed the one for Windows blocks what would go past the tunnel by itself. Throws
 * RangeError where a value could break out of its line.
 */
export function wireguardProfile(input: WireguardProfileInput): string {
  const { endpoint, system } = input;
  const own = pair(input.address);
  const resolver = pair(input.resolver);
  return [
    "[Interface]",
    input.privateKey === undefined ? PRIVATE_KEY_LINE : `PrivateKey = ${key(input.privateKey)}`,
    `Address = ${own.v4}/32, ${own.v6}/128`,
    ...(system === "linux" ? linuxGuard(own, resolver) : [`DNS = ${resolver.v4}, ${resolver.v6}`]),
    "",
    "[Peer]",
    `PublicKey = ${key(input.serverKey)}`,
    "AllowedIPs = 0.0.0.0/0, ::/0",
    `Endpoint = ${hostPort(endpoint)}`,
    `PersistentKeepalive = ${KEEPALIVE_S}`,
    "",
  ].join("\n");
}

/**
 * What wg-quick does by itself still asks the main routing table for anything more exact than a default route, so that a network
 * which hands out such routes (DHCP option 121) draws traffic out of the tunnel: CVE-2024-3661, "TunnelVision". Here a rule
 * sends everything but the tunnel's own packets to a table of our own, and the main table is not asked. wg-quick runs each line as
 * bash, %i being the device.
 */
function linuxGuard(own: Pair, dns: Pair): string[] {
  const n = WIREGUARD_MARK;
  // wg-quick ends at the first command that fails.
  const clear = [
    `for f in -4 -6; do ip $f rule del pref ${n} || true; ip $f route flush table ${n} || true; ip $f route del unreachable default table ${n} || true; done 2>/dev/null`,
    "nft delete table inet lethe-%i 2>/dev/null || true",
  ].join("; ");
  const table = [
    // Nothing leaves past the tunnel, also when its device is gone; but what it takes to stay in the network.
    `chain out { type filter hook output priority 0; policy drop; oifname { "lo", "%i" } accept; meta mark ${n} accept;`,
    "udp sport 68 udp dport 67 accept; udp sport 546 udp dport 547 accept;",
    "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept; };",
    // Whatever resolver the system or a program has, the tunnel's answers.
    "chain names { type nat hook output priority -100;",
    `oifname "%i" meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to ${dns.v4};`,
    `oifname "%i" meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to ${dns.v6}; };`,
    // Nobody in the local network speaks to the tunnel's addresses past the tunnel (CVE-2019-14899).
    "chain raw { type filter hook prerouting priority -300;",
    `iifname != "%i" ip daddr ${own.v4} fib saddr type != local drop;`,
    `iifname != "%i" ip6 daddr ${own.v6} fib saddr type != local drop; };`,
    // Answers to the tunnel's own packets bear its mark too, or strict reverse path filtering would drop them.
    `chain keep { type filter hook postrouting priority -150; meta mark ${n} ct mark set meta mark; };`,
    `chain back { type filter hook prerouting priority -150; ct mark ${n} meta mark set ct mark; };`,
  ].join(" ");
  return [
    "# For wg-quick; it needs nftables. Everything goes through the tunnel, the local network's addresses too, and nothing past it",
    "# until `wg-quick down`.",
    `FwMark = ${n}`,
    `Table = ${n}`,
    `PreUp = ${clear}`,
    "PostUp = sysctl -q net.ipv4.conf.all.src_valid_mark=1 || true",
    `PostUp = nft 'table inet lethe-%i { ${table} }'`,
    `PostUp = for f in -4 -6; do ip $f route replace unreachable default metric 4294967295 table ${n}; ip $f rule add not fwmark ${n} lookup ${n} pref ${n}; done`,
    "# systemd-resolved asks each network's own resolver past all routes, unless told so.",
    `PostUp = if [ -e /run/systemd/resolve/stub-resolv.conf ] && command -v resolvectl >/dev/null; then resolvectl dns %i ${dns.v4} ${dns.v6}; resolvectl domain %i '~.'; fi`,
    `PostDown = ${clear}`,
  ];
}

/** Two addresses with nothing that ends a word or a line. */
function pair({ v4, v6 }: Pair): Pair {
  if (!isIPv4(v4) || !isIPv6(v6) || v6.includes("%"))
    throw new RangeError("wireguardProfile: not an address");
  return { v4, v6 };
}

function key(text: string): string {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) throw new RangeError("wireguardProfile: not a key");
  return text;
}

function hostPort({ host, port }: { host: string; port: number }): string {
  if (!/^[A-Za-z0-9.:-]{1,253}$/.test(host))
    throw new RangeError("wireguardProfile: not a name or an address");
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError("wireguardProfile: not a port");
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
