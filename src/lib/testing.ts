import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/**
 * For a test's `skip`, where something that it needs may be missing on a machine: false where nothing is, else why it is passed
 * over. In CI (CI=true) nothing is passed over: there it throws.
 */
export function skipFor(missing: string): string;
export function skipFor(missing: string | false | undefined): string | false;
export function skipFor(missing: string | false | undefined): string | false {
  if (missing === false || missing === undefined) return false;
  if (process.env.CI === "true") throw new Error(`In CI nothing is skipped, but: ${missing}.`);
  return `SKIPPED: ${missing}`;
}

const given = new Set<number>();

/**
 * Ports that nobody has at `address`, TCP's and UDP's, for what can not be given port 0. Not of those that the kernel deals out
 * (ip_local_port_range: from 32768): between the look and the use a connection of another test would take one.
 */
export async function freePorts(count: number, address = "127.0.0.1"): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 20_000 + randomInt(12_000);
    if (given.has(port) || !(await isFree(port, address))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

/** One of them. */
export async function freePort(address?: string): Promise<number> {
  return (await freePorts(1, address))[0]!;
}

async function isFree(port: number, address: string): Promise<boolean> {
  const tcp = createServer();
  const udp = createSocket(address.includes(":") ? "udp6" : "udp4");
  const taken = await Promise.all([
    new Promise<boolean>((resolve) => {
      tcp.once("error", () => resolve(true)).listen(port, address, () => resolve(false));
    }),
    new Promise<boolean>((resolve) => {
      udp.once("error", () => resolve(true)).bind(port, address, () => resolve(false));
    }),
  ]);
  await Promise.all([
    new Promise<void>((resolve) => tcp.close(() => resolve())),
    new Promise<void>((resolve) => udp.close(() => resolve())),
  ]);
  return !taken.includes(true);
}
