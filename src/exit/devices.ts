import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { DNS_LEVELS, type DnsLevel, resolverOf } from "../lib/dns-levels.ts";
import { findProgram, runCommand } from "../lib/run-command.ts";
import { DEVICE_PREFIX, type Tunnel } from "./tunnel-plan.ts";

/** The addresses of all resolvers, whichever levels there are now. */
const RESOLVERS = new Set(DNS_LEVELS.flatMap((level) => Object.values(resolverOf(level))));

/** Whether the kernel does IPv6 at all, and whether a default route leads anywhere with it. */
export function ipv6Facts(): { ipv6: boolean; ipv6Uplink: boolean } {
  try {
    const off = readFileSync("/proc/sys/net/ipv6/conf/all/disable_ipv6", "latin1").trim() === "1";
    if (off) return { ipv6: false, ipv6Uplink: false };
    // Destination, its prefix length, …, the device as the last field: proc(5) has no page for it, net/ipv6/route.c does.
    const routes = readFileSync("/proc/net/ipv6_route", "latin1").trim().split("\n");
    const ipv6Uplink = routes.some((route) => {
      const fields = route.trim().split(/\s+/);
      const device = fields.at(-1) ?? "lo";
      return (
        fields[0] === "0".repeat(32) &&
        fields[1] === "00" &&
        device !== "lo" &&
        !device.startsWith(DEVICE_PREFIX)
      );
    });
    return { ipv6: true, ipv6Uplink };
  } catch {
    return { ipv6: false, ipv6Uplink: false };
  }
}

/**
 * Every address the machine bears now, without a scope (`fe80::1`, not `fe80::1%eth0`), sorted; those of our tunnels and
 * of our resolver left out, since they come and go with us and are closed anyway.
 */
export function ownAddresses(): string[] {
  const others = Object.entries(networkInterfaces()).filter(([device]) => !device.startsWith(DEVICE_PREFIX));
  const all = others.flatMap(([, addresses]) =>
    (addresses ?? []).map(({ address }) => address.split("%")[0]!),
  );
  return [...new Set(all)].filter((address) => !RESOLVERS.has(address)).sort();
}

const NET = "/sys/class/net";

/** Our tunnel devices that exist now, of whatever kind, whoever made them. */
export const tunnelDevices = (): string[] =>
  readdirSync(NET).filter((name) => name.startsWith(DEVICE_PREFIX));

export interface WantedDevices {
  /** The tun devices that are made here. */
  tunnels: readonly Tunnel[];
  /** Devices with our prefix that their engines make themselves. */
  others: readonly string[];
  /** The resolvers that are to have their address. */
  resolvers: readonly DnsLevel[];
  ipv6: boolean;
}

/**
 * Makes the tunnels' devices, addresses and the resolvers': persistent, so that a route into a tunnel stays while its
 * engine is dead, and what is meant for a client is dropped there instead of leaving by the default route. Idempotent.
 * Root's group may open them, so that openvpn needs no CAP_NET_ADMIN for it. False where the kernel or `ip` refuses.
 */
export async function makeDevices({ tunnels, others, resolvers, ipv6 }: WantedDevices): Promise<boolean> {
  const wanted = new Set([...tunnels.map(({ device }) => device), ...others]);
  const there = new Set(tunnelDevices());
  const commands = [...there]
    .filter((device) => !wanted.has(device))
    .map((device) => `link delete dev ${device}`);
  for (const tunnel of tunnels) {
    const { device } = tunnel;
    const foreign = there.has(device) && groupOf(device) !== 0;
    if (foreign) commands.push(`link delete dev ${device}`);
    if (foreign || !there.has(device)) commands.push(`tuntap add dev ${device} mode tun group 0`);
    commands.push(
      `addr replace ${tunnel.gateway4}/${tunnel.prefix4} dev ${device}`,
      ...(ipv6 ? [`addr replace ${tunnel.gateway6}/${tunnel.prefix6} dev ${device} nodad`] : []),
      `link set dev ${device} group ${tunnel.group} mtu 1500 txqueuelen 4000 up`,
    );
  }
  const addresses = resolvers.flatMap((level) => {
    const { v4, v6 } = resolverOf(level);
    return ipv6 ? [v4, v6] : [v4];
  });
  commands.push(
    ...addresses.map((address) =>
      address.includes(":")
        ? `addr replace ${address}/128 dev lo nodad`
        : `addr replace ${address}/32 dev lo`,
    ),
    ...resolverAddresses()
      .filter((address) => !addresses.includes(address))
      .map(resolverRemoval),
  );
  return batch(commands);
}

/** Takes all of it away again. */
export async function removeDevices(): Promise<void> {
  await batch([
    ...tunnelDevices().map((device) => `link delete dev ${device}`),
    ...resolverAddresses().map(resolverRemoval),
  ]);
}

const resolverRemoval = (address: string): string =>
  `addr delete ${address}/${address.includes(":") ? 128 : 32} dev lo`;

/** The resolvers' addresses that are on the loopback interface now. */
export const resolverAddresses = (): string[] =>
  (networkInterfaces().lo ?? []).map(({ address }) => address).filter((address) => RESOLVERS.has(address));

const groupOf = (device: string): number => Number(readFileSync(`${NET}/${device}/group`, "latin1"));

async function batch(commands: readonly string[]): Promise<boolean> {
  if (commands.length === 0) return true;
  const ip = findProgram("ip");
  if (ip === undefined) return false;
  const { code } = await runCommand([ip, "-batch", "-"], { input: `${commands.join("\n")}\n` });
  return code === 0;
}
