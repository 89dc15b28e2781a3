import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { findProgram, runCommand } from "../../lib/run-command.ts";
import { IKEV2 } from "../tunnel-plan.ts";
import { IF_ID, type Ikev2Path } from "./configuration.ts";

const NET = "/sys/class/net";
const { device, gateway4, prefix4, gateway6, prefix6, group } = IKEV2;

async function ip(...commands: string[]): Promise<boolean> {
  const program = findProgram("ip");
  if (program === undefined) return false;
  for (const command of commands) {
    const { code } = await runCommand([program, ...command.split(" ")]);
    if (code !== 0) return false;
  }
  return true;
}

const addressed = (ipv6: boolean): string[] => [
  `addr replace ${gateway4}/${prefix4} dev ${device}`,
  ...(ipv6 ? [`addr replace ${gateway6}/${prefix6} dev ${device} nodad`] : []),
  `link set dev ${device} group ${group} txqueuelen 4000 up`,
];

/**
 * Whether the kernel carries ESP: it takes an XFRM interface (Linux 4.19) and a trial SA of the one cipher that every
 * client offers. Both are gone again afterwards, unless the interface was there already.
 */
export async function pathHere(): Promise<Ikev2Path> {
  const trial = "lethe-xfrm";
  const made = await ip(`link add ${trial} type xfrm if_id ${IF_ID + 1}`);
  const [from, to] = ["src 127.0.0.1 dst 127.0.0.1", "proto esp spi 0x6c657468"];
  const sa =
    made && (await ip(`xfrm state add ${from} ${to} if_id ${IF_ID + 1} mode tunnel ${TRIAL_CIPHER}`));
  if (sa) await ip(`xfrm state delete ${from} ${to}`);
  if (made) await ip(`link delete ${trial}`);
  return sa ? "kernel" : "libipsec";
}

/** A key of nobody's: the SA lives for milliseconds and has no policy. */
const TRIAL_CIPHER = `aead rfc4106(gcm(aes)) 0x${"00".repeat(20)} 128`;

/** strongSwan's own devices that are there now. */
export const libipsecDevices = (): string[] =>
  readdirSync(NET).filter((name) => /^ipsec\d+$/.test(name) && existsSync(`${NET}/${name}/tun_flags`));

/**
 * Before strongSwan starts: takes away what a dead one left, and makes the XFRM interface where the kernel carries ESP. `note`
 * is the file in which the name of our placeholder stands (see `takeDevice`).
 */
export async function clearDevice(note: string): Promise<void> {
  if (existsSync(`${NET}/${device}`)) await ip(`link delete dev ${device}`);
  const placeholder = existsSync(note) ? readFileSync(note, "utf8").trim() : "";
  if (/^ipsec\d+$/.test(placeholder) && existsSync(`${NET}/${placeholder}`))
    await ip(`link delete dev ${placeholder}`);
  rmSync(note, { force: true });
}

/** The interface that the kernel's ESP goes through. False where it cannot be made. */
export const makeXfrmDevice = (ipv6: boolean): Promise<boolean> =>
  ip(`link add ${device} type xfrm if_id ${IF_ID}`, `link set dev ${device} mtu 1400`, ...addressed(ipv6));

/**
 * Gives the device that strongSwan has just made our name, so that the firewall knows it. strongSwan goes on to name the old one in
 * a route for every client, and refuses a client whose route it cannot make: so a device of that name has to be there,
 * which leads nowhere. False while there is none.
 */
export async function takeDevice(before: readonly string[], note: string, ipv6: boolean): Promise<boolean> {
  if (!existsSync(`${NET}/${device}`)) {
    const found = libipsecDevices().find((name) => !before.includes(name));
    if (found === undefined) return false;
    writeFileAtomic(note, found);
    // Kernels before 6.2 rename a device only while it is down.
    const renamed =
      (await ip(`link set dev ${found} name ${device}`)) ||
      (await ip(`link set dev ${found} down`, `link set dev ${found} name ${device}`));
    if (!renamed) return false;
  }
  const placeholder = readFileSync(note, "utf8").trim();
  const made = existsSync(`${NET}/${placeholder}`) || (await ip(`tuntap add dev ${placeholder} mode tun`));
  if (!made || !passOverRoutesOf(placeholder, ipv6)) return false;
  return ip(`link set dev ${placeholder} up`, ...addressed(ipv6));
}

/**
 * A tun device that no process holds has no carrier, and its routes are then no routes (ip-sysctl.rst,
 * ignore_routes_with_linkdown): a client's packet takes the whole pool's, to the device that has it. The setting goes with the
 * device. False where it cannot be made.
 */
function passOverRoutesOf(placeholder: string, ipv6: boolean): boolean {
  try {
    for (const family of ipv6 ? ["ipv4", "ipv6"] : ["ipv4"])
      writeFileSync(`/proc/sys/net/${family}/conf/${placeholder}/ignore_routes_with_linkdown`, "1\n");
    return true;
  } catch {
    return false;
  }
}
