import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { Config } from "./config.ts";

export interface PublicAddress {
  /** What stands in members' profiles: a name or an address. */
  host: string;
  addresses: string[];
  /** Sentences for the operator: the address is private, or none was found. */
  warnings: string[];
}

/** Networks' own (RFC 1918, RFC 6598, RFC 3927) and loopback: elsewhere such an address is another machine's. */
const PRIVATE_IPV4 = [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const;
const privateIpv4 = new BlockList();
for (const [base, bits] of PRIVATE_IPV4) privateIpv4.addSubnet(base, bits, "ipv4");

/** Ranges that nobody reaches from the Internet (RFC 6890), as far as a server's own uplink may bear them. */
const notPublic = new BlockList();
for (const [base, bits] of [...PRIVATE_IPV4, ["192.0.2.0", 24], ["198.18.0.0", 15]] as const)
  notPublic.addSubnet(base, bits, "ipv4");
for (const [base, bits] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  notPublic.addSubnet(base, bits, "ipv6");

/** Of an IPv4 address. */
export const isPrivateIpv4 = (address: string): boolean => privateIpv4.check(address, "ipv4");

const isPublic = (address: string): boolean =>
  !notPublic.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");

/**
 * The server's public address and host name: as lethe.toml has them, or found: the addresses of the interface that bears
 * the default route, and the machine's own name where it resolves to one of them.
 */
export async function findPublicAddress(config: Config): Promise<PublicAddress> {
  const found = uplinkAddresses();
  const reachable = found.filter(isPublic);
  const own = reachable.length > 0 ? reachable : found.slice(0, 1);
  const addresses = config.server.addresses.length > 0 ? config.server.addresses : own;
  const best = addresses.find((address) => isIP(address) === 4 && isPublic(address)) ?? addresses[0];
  const host = config.server.host || (await nameOf(addresses)) || best || "127.0.0.1";
  const warnings: string[] = [];
  if (
    config.server.addresses.length === 0 &&
    !addresses.some(isPublic) &&
    (isIP(host) === 0 || !isPublic(host))
  ) {
    const found = best === undefined ? "no address on an uplink" : `only the private address ${best}`;
    warnings.push(
      `This machine has ${found}: clients elsewhere on the Internet will not reach it. Behind NAT, set server.host and server.addresses to what they do reach.`,
    );
  }
  return { host, addresses, warnings };
}

/** The machine's full name, where it is one and leads back to us. */
async function nameOf(addresses: string[]): Promise<string | undefined> {
  const name = hostname();
  if (!name.includes(".") || addresses.length === 0) return undefined;
  const timeout = setTimeout(2000, undefined, { ref: false });
  const found = await Promise.race([lookup(name, { all: true }).catch(() => undefined), timeout]);
  return found?.some(({ address }) => addresses.includes(address) && isPublic(address)) ? name : undefined;
}

/** IPv4 first; link-local and loopback addresses are nobody's. */
function uplinkAddresses(): string[] {
  const uplinks = defaultRouteInterfaces();
  const all = Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
    uplinks.includes(name) ? (entries ?? []) : [],
  );
  const usable = all.filter(({ address, internal }) => !internal && !address.startsWith("fe80:"));
  return usable.sort((a, b) => a.family.localeCompare(b.family)).map(({ address }) => address);
}

/** proc(5) `/proc/net/route`: Iface Destination Gateway Flags …; the default route's destination and mask are zero. */
function defaultRouteInterfaces(): string[] {
  const rows = readFileSync("/proc/net/route", "utf8").trim().split("\n").slice(1);
  const fields = rows.map((row) => row.split("\t"));
  return fields.filter((row) => row[1] === "00000000" && row[7] === "00000000").map((row) => row[0]!.trim());
}
