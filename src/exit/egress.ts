import { createRangeTable, formatIp, type Ip, parseIp, parseRange, unmap } from "../lib/ip.ts";
import type { EgressSettings } from "../link/settings.ts";

/**
 * The one policy of where members may go. The proxies ask it at every dial; the firewall's sets for the VPN are rendered
 * from the same lists, which overlap on purpose (each line states its reason).
 * Source: the IANA special-purpose address registries (RFC 6890) and the RFC named in the line.
 */
export const closedRanges4: readonly string[] = [
  "0.0.0.0/8", // this host on this network, RFC 791 section 3.2
  "10.0.0.0/8", // private, RFC 1918
  "100.64.0.0/10", // carrier-grade NAT, RFC 6598; also Alibaba's metadata service 100.100.100.200
  "127.0.0.0/8", // loopback, RFC 1122 section 3.2.1.3
  "168.63.129.16/32", // Azure's host agent and metadata: a public address that reaches the machine's own host
  "169.254.0.0/16", // link-local, RFC 3927; the metadata service of most clouds, 169.254.169.254
  "172.16.0.0/12", // private, RFC 1918
  "192.0.0.0/24", // IETF protocol assignments, RFC 6890 section 2.1; Oracle's metadata service 192.0.0.192
  "192.0.2.0/24", // documentation, RFC 5737
  "192.88.99.0/24", // 6to4 relay anycast, withdrawn by RFC 7526
  "192.168.0.0/16", // private, RFC 1918
  "198.18.0.0/15", // benchmarking, RFC 2544
  "198.51.100.0/24", // documentation, RFC 5737
  "203.0.113.0/24", // documentation, RFC 5737
  "224.0.0.0/4", // multicast, RFC 5771
  "240.0.0.0/4", // reserved, RFC 1112 section 4, with the broadcast address 255.255.255.255 (RFC 919)
];

export const closedRanges6: readonly string[] = [
  "::/3", // nothing here is global unicast (RFC 4291 section 2.4, IANA's IPv6 address space)
  "4000::/2", // likewise
  "8000::/1", // likewise
  "::/96", // unspecified, loopback and v4-compatible, RFC 4291 sections 2.5.2, 2.5.3, 2.5.5.1
  "::ffff:0:0/96", // v4-mapped, RFC 4291 section 2.5.5.2
  "::ffff:0:0:0/96", // v4-translated, RFC 2765 section 2.1
  "64:ff9b::/96", // NAT64, RFC 6052
  "64:ff9b:1::/48", // NAT64 of the local network, RFC 8215
  "100::/64", // discard-only, RFC 6666
  "100:0:0:1::/64", // dummy prefix, RFC 9780
  "2001::/23", // IETF protocol assignments, RFC 2928; with Teredo 2001::/32 (RFC 4380), benchmarking 2001:2::/48 (RFC 5180), ORCHID (RFC 4843, RFC 7343)
  "2001:db8::/32", // documentation, RFC 3849
  "2002::/16", // 6to4, RFC 3056
  "3ffe::/16", // the former 6bone, RFC 3701
  "3fff::/20", // documentation, RFC 9637
  "5f00::/16", // segment routing, RFC 9602
  "fc00::/7", // unique local, RFC 4193; also Amazon's metadata service fd00:ec2::254
  "fe80::/10", // link-local, RFC 4291 section 2.5.6
  "fec0::/10", // site-local, withdrawn by RFC 3879
  "ff00::/8", // multicast, RFC 4291 section 2.7
];

/** Refused whatever the settings say: mail from an exit is spam. */
export const closedPorts: readonly number[] = [25];

/** The IPv4 addresses that an IPv6 address carries inside: its packets may end up there. */
function embedded(ip: Ip): Ip[] {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, at) => ip[at] === byte);
  const found: Ip[] = [];
  if (starts(0x20, 0x02)) found.push(ip.subarray(2, 6)); // 6to4, RFC 3056 section 2
  // Teredo, RFC 4380 section 4: the server, and the client with every bit turned.
  if (starts(0x20, 0x01, 0, 0))
    found.push(
      ip.subarray(4, 8),
      ip.subarray(12).map((byte) => byte ^ 0xff),
    );
  const tail = ip.subarray(12);
  if (starts(0, 0x64, 0xff, 0x9b)) {
    found.push(tail); // RFC 6052 section 2.2, /96
    if (ip[5] === 1) found.push(Uint8Array.of(ip[6]!, ip[7]!, ip[9]!, ip[10]!)); // the same, /48
  }
  if (starts(0, 0, 0, 0, 0, 0, 0, 0)) found.push(tail); // v4-compatible, v4-translated
  // ISATAP, RFC 5214 section 6.1: interface identifier 0000:5efe or 0200:5efe, then the IPv4 address.
  if ((ip[8]! & 0xfd) === 0 && ip[9] === 0 && ip[10] === 0x5e && ip[11] === 0xfe) found.push(tail);
  return found;
}

export interface EgressPolicy {
  /** May members go to this port anywhere? */
  opensPort(port: number): boolean;
  /** May members go to this address and port? Everything is decided here: a dial needs no other question. */
  opens(ip: Ip, port: number): boolean;
  /** Has the operator blocked this address or port? What is closed for other reasons is not meant. */
  blocks(ip: Ip, port: number): boolean;
}

const CLOSED = 0;
const OPEN = 1;

function ranges(texts: readonly string[], value: number) {
  return texts.map((text) => {
    const range = parseRange(text);
    if (!range) throw new RangeError("egress: not a range");
    return { range, value };
  });
}

/**
 * Puts the policy together. `egress.allow` opens what is closed where it is the same range or a narrower one; `egress.deny`
 * closes whatever else is said. `ownAddresses` (the exit's own) are closed but for `sitePorts`; loopback among them is left
 * to the closed ranges, since only `egress.allow` may open it. Throws RangeError where a range is none (the settings' schema
 * has checked them).
 */
export function createEgressPolicy(options: {
  egress: EgressSettings;
  ownAddresses: readonly string[];
  sitePorts: readonly number[];
}): EgressPolicy {
  const { allow, deny, denyPorts } = options.egress;
  const table = createRangeTable([
    ...ranges(closedRanges4, CLOSED),
    ...ranges(closedRanges6, CLOSED),
    ...ranges(allow, OPEN),
  ]);
  const denied = createRangeTable(ranges(deny, CLOSED));
  const ports = new Set([...closedPorts, ...denyPorts]);
  const portRanges = options.egress.denyPortRanges ?? [];
  const sitePorts = new Set(options.sitePorts);
  const loopback = createRangeTable(ranges(["127.0.0.0/8", "::1"], CLOSED));
  const own = new Set<string>();
  for (const text of options.ownAddresses) {
    const ip = parseIp(text.split("%")[0]!);
    if (ip && loopback.lookup(unmap(ip)) === undefined) own.add(formatIp(unmap(ip)));
  }

  const opensAddress = (ip: Ip): boolean =>
    denied.lookup(ip) === undefined &&
    table.lookup(ip) !== CLOSED &&
    !own.has(formatIp(ip)) &&
    (ip.length === 4 || embedded(ip).every(opensAddress));

  return {
    opensPort: (port) =>
      port >= 1 &&
      port <= 65_535 &&
      !ports.has(port) &&
      !portRanges.some(({ from, to }) => from <= port && port <= to),
    opens(address, port) {
      const ip = unmap(address);
      if (!this.opensPort(port)) return false;
      if (sitePorts.has(port) && own.has(formatIp(ip))) return denied.lookup(ip) === undefined;
      return opensAddress(ip);
    },
    blocks(address, port) {
      const blocked = (ip: Ip): boolean =>
        denied.lookup(ip) !== undefined || (ip.length === 16 && embedded(ip).some(blocked));
      const ofPort =
        denyPorts.includes(port) || portRanges.some(({ from, to }) => from <= port && port <= to);
      return ofPort || blocked(unmap(address));
    },
  };
}

/** What a client named as its destination. */
export type Host = { ip: Ip } | { name: string };

/** Names that mean the machine itself or its own network: RFC 6761 section 6.3, RFC 6762, RFC 8375, ICANN's .internal. */
const LOCAL_NAMES = ["localhost", "local", "internal", "localdomain", "home.arpa"];

/**
 * Reads a destination as clients write it: an address (IPv6 also in brackets) or a DNS name, lower-cased and without its
 * final dot. Undefined for what no honest client sends (control characters, zone ids, labels over 63 or names over 253
 * characters, numbers in other spellings than dotted decimal) and for names of the exit's own surroundings.
 */
export function parseHost(text: string): Host | undefined {
  const bracketed = text.startsWith("[") && text.endsWith("]");
  const ip = parseIp(bracketed ? text.slice(1, -1) : text);
  if (ip) return !bracketed || ip.length === 16 ? { ip } : undefined;
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  if (name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) return undefined;
  // A name that ends in a number is an IPv4 address in some resolver's eyes (URL standard, "ends in a number").
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) return undefined;
  if (LOCAL_NAMES.some((local) => name === local || name.endsWith(`.${local}`))) return undefined;
  return { name };
}
