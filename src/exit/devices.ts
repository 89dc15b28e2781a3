import { existsSync, readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { findProgram, runCommand } from "../lib/run-command.ts";
import { DEVICE_PREFIX, RESOLVER_4, RESOLVER_6, type Tunnel } from "./tunnel-plan.ts";

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
  return [...new Set(all)].filter((address) => address !== RESOLVER_4 && address !== RESOLVER_6).sort();
}

const NET = "/sys/class/net";

/** Our tunnel devices that exist now: ours are tun devices with our prefix, whoever made them. */
export const tunnelDevices = (): string[] =>
  readdirSync(NET).filter((name) => name.startsWith(DEVICE_PREFIX) && existsSync(`${NET}/${name}/tun_flags`));

/**
 * Makes the tunnels' devices, addresses and the resolver's: persistent, so that a route into a tunnel stays while its
 * engine is dead, and what is meant for a client is dropped there instead of leaving by the default route. Idempotent.
 * Root's group may open them, so that openvpn needs no CAP_NET_ADMIN for it. False where the kernel or `ip` refuses.
 */
export async function makeDevices(tunnels: readonly Tunnel[], ipv6: boolean): Promise<boolean> {
  const wanted = new Set(tunnels.map(({ device }) => device));
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
      `link set dev ${device} mtu 1500 txqueuelen 4000 up`,
    );
  }
  if (tunnels.length > 0) {
    commands.push(`addr replace ${RESOLVER_4}/32 dev lo`);
    if (ipv6) commands.push(`addr replace ${RESOLVER_6}/128 dev lo nodad`);
  } else {
    commands.push(...resolverRemoval());
  }
  return batch(commands);
}

/** Takes all of it away again. */
export async function removeDevices(): Promise<void> {
  await batch([...tunnelDevices().map((device) => `link delete dev ${device}`), ...resolverRemoval()]);
}

const resolverRemoval = (): string[] =>
  resolverAddresses().map((address) => `addr delete ${address}/${address === RESOLVER_4 ? 32 : 128} dev lo`);

/** The resolver's addresses that are on the loopback interface now. */
export const resolverAddresses = (): string[] =>
  (networkInterfaces().lo ?? [])
    .map(({ address }) => address)
    .filter((address) => address === RESOLVER_4 || address === RESOLVER_6);

const groupOf = (device: string): number => Number(readFileSync(`${NET}/${device}/group`, "latin1"));

async function batch(commands: readonly string[]): Promise<boolean> {
  if (commands.length === 0) return true;
  const ip = findProgram("ip");
  if (ip === undefined) return false;
  const { code } = await runCommand([ip, "-batch", "-"], { input: `${commands.join("\n")}\n` });
  return code === 0;
}
