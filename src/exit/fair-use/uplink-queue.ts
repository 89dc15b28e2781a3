import { readFileSync } from "node:fs";
import { z } from "zod";
import { findProgram, runCommand } from "../../lib/run-command.ts";
import { DEVICE_PREFIX } from "../tunnel-plan.ts";

/** Marks a queue as ours: whoever sets one by hand gives it no handle, or another. */
const HANDLE = "1e7e:";

/**
 * How packets wait for the uplink, the best that this kernel has first. CAKE (tc-cake(8)) shares it between the hosts that
 * packets go to, whatever number of connections each has, which for what members download are the members; it limits nobody as
 * long as the line is not full. fq_codel (tc-fq_codel(8)) shares between connections. Where a kernel has neither, its own
 * queue stays.
 */
const QUEUES: readonly (readonly string[])[] = [["cake", "unlimited", "dual-dsthost"], ["fq_codel"]];

const shown = z.array(z.object({ kind: z.string(), handle: z.string(), root: z.boolean().optional() }));

type Tc = (...words: string[]) => Promise<{ code: number | null | undefined; stdout: string }>;

/** The uplink's queue while this exit runs; only ever in the place of one that the kernel chose by itself. */
export class UplinkQueue {
  readonly #tc: Tc | undefined;
  readonly #devices: () => string[];
  readonly #queues: readonly (readonly string[])[];

  /** `tc`: undefined where there is none; tests give others. */
  constructor(
    options: { tc?: Tc | undefined; devices?: () => string[]; queues?: readonly (readonly string[])[] } = {},
  ) {
    this.#tc = "tc" in options ? options.tc : realTc();
    this.#devices = options.devices ?? uplinks;
    this.#queues = options.queues ?? QUEUES;
  }

  /** Sets it on every uplink where it is not set. Gives what now shares the uplink, `cake`; undefined where the kernel's own does. */
  async set(): Promise<string | undefined> {
    let chosen: string | undefined;
    for (const device of this.#devices()) chosen = (await this.#setOn(device)) ?? chosen;
    return chosen;
  }

  /** As it was: the kernel puts its own back. */
  async restore(): Promise<void> {
    for (const device of this.#devices())
      if ((await this.#root(device))?.handle === HANDLE)
        await this.#tc?.("qdisc", "delete", "dev", device, "root");
  }

  async #setOn(device: string): Promise<string | undefined> {
    const now = await this.#root(device);
    if (now === undefined) return undefined;
    if (now.handle === HANDLE) return now.kind;
    // One with a handle was set by somebody; the kernel's own have none.
    if (now.handle !== "0:") return undefined;
    for (const [kind = "", ...options] of this.#queues) {
      const words = ["qdisc", "replace", "dev", device, "root", "handle", HANDLE, kind, ...options];
      if ((await this.#tc!(...words)).code === 0) return kind;
    }
    return undefined;
  }

  async #root(device: string): Promise<{ kind: string; handle: string } | undefined> {
    const answer = await this.#tc?.("-j", "qdisc", "show", "dev", device);
    if (answer === undefined || answer.code !== 0) return undefined;
    try {
      return shown.parse(JSON.parse(answer.stdout)).find(({ root }) => root === true);
    } catch {
      return undefined;
    }
  }
}

function realTc(): Tc | undefined {
  const program = findProgram("tc");
  return process.getuid!() !== 0 || program === undefined
    ? undefined
    : async (...words) => runCommand([program, ...words], { timeoutMs: 10_000 });
}

/** The devices of the default routes (/proc/net/route and its IPv6 twin: destination and prefix are nothing). */
export function uplinks(root = "/proc/net"): string[] {
  const v4 = rows(`${root}/route`)
    .filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")
    .map(([device = ""]) => device);
  const v6 = rows(`${root}/ipv6_route`)
    .filter(([destination, prefix]) => destination === "0".repeat(32) && prefix === "00")
    .map((fields) => fields.at(-1) ?? "");
  const found = [...v4, ...v6].filter(
    (device) => device !== "" && device !== "lo" && !device.startsWith(DEVICE_PREFIX),
  );
  return [...new Set(found)];
}

function rows(path: string): string[][] {
  try {
    return readFileSync(path, "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}
