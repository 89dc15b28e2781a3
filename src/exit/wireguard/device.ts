import { existsSync } from "node:fs";
import { findProgram, runCommand } from "../../lib/run-command.ts";
import type { TunnelNetwork } from "../tunnel-plan.ts";

/** Where WireGuard runs: in the kernel, or in wireguard-go. */
export type WireguardKind = "kernel" | "wireguard-go";

/** 1500 less IPv6, UDP and WireGuard's own 32 bytes (wireguard.com/papers, section 5.4.6): wg-quick's default, too. */
const MTU = 1420;

/**
 * Makes the device where it is not there, its addresses, and brings it up; says what kind it is. A kernel that knows
 * WireGuard is taken; a device that is there stays what it is, with whoever is online on it. A tun device is persistent, so
 * that routes into the tunnel stay while the engine is dead. Nothing where the kernel or `ip` refuses.
 */
export async function makeWireguardDevice(
  network: TunnelNetwork,
  { ipv6, uid }: { ipv6: boolean; uid: number },
): Promise<WireguardKind | undefined> {
  const { device, gateway4, prefix4, gateway6, prefix6, group } = network;
  const folder = `/sys/class/net/${device}`;
  if (!existsSync(folder) && !(await ip([`link add dev ${device} type wireguard`]))) {
    if (!(await ip([`tuntap add dev ${device} mode tun user ${uid}`]))) return undefined;
  }
  const kind = existsSync(`${folder}/tun_flags`) ? "wireguard-go" : "kernel";
  const done = await ip([
    `addr replace ${gateway4}/${prefix4} dev ${device}`,
    ...(ipv6 ? [`addr replace ${gateway6}/${prefix6} dev ${device} nodad`] : []),
    `link set dev ${device} group ${group} mtu ${MTU} txqueuelen 4000`,
  ]);
  // Of the kernel's kind `up` opens the port, which may be taken: the engine's set-up says so.
  await ip([`link set dev ${device} up`]);
  return done ? kind : undefined;
}

/** Whether a device is there of which the kernel itself is the engine. */
export const isInKernel = ({ device }: TunnelNetwork): boolean =>
  existsSync(`/sys/class/net/${device}`) && !existsSync(`/sys/class/net/${device}/tun_flags`);

/** Takes the device away, and with it all that the kernel knows of its peers. */
export const removeWireguardDevice = ({ device }: TunnelNetwork): Promise<boolean> =>
  ip([`link delete dev ${device}`]);

async function ip(commands: readonly string[]): Promise<boolean> {
  const program = findProgram("ip");
  if (program === undefined) return false;
  return (await runCommand([program, "-batch", "-"], { input: `${commands.join("\n")}\n` })).code === 0;
}
