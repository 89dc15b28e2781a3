import { readFileSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";
import { SLOT_MINUTES, slotPercent } from "../../link/reports.ts";

const SAMPLE_MS = 10_000;
const SLOT_MS = SLOT_MINUTES * 60_000;

/** Bytes since the interface came up. */
export interface InterfaceCounters {
  name: string;
  inBytes: number;
  outBytes: number;
}

export interface SlotTraffic {
  /** UTC minutes since 1970, divided by five. */
  slot: number;
  inPercent: number;
  outPercent: number;
}

export interface MeterOptions {
  clock: Clock;
  /** The office's time where it is known: slots must be the same at both ends. */
  timeMs: () => number | undefined;
  /** Nothing while it is not known: slots are then not reported. */
  bandwidthMbit: () => number | undefined;
  /** Called once for each slot that has ended. */
  onSlot: (traffic: SlotTraffic) => void;
  read?: () => InterfaceCounters[];
}

/**
 * Adds up what goes through the machine's uplink in aligned five-minute slots and rounds it to whole percent at once:
 * no finer figure leaves this object.
 */
export class Meter {
  #clock: Clock;
  #timeMs: () => number | undefined;
  #bandwidthMbit: () => number | undefined;
  #onSlot: (traffic: SlotTraffic) => void;
  #read: () => InterfaceCounters[];
  #last = new Map<string, InterfaceCounters>();
  #slot: number | undefined;
  #inBytes = 0;
  #outBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MeterOptions) {
    this.#clock = options.clock;
    this.#timeMs = options.timeMs;
    this.#bandwidthMbit = options.bandwidthMbit;
    this.#onSlot = options.onSlot;
    this.#read = options.read ?? readUplink;
  }

  /** Samples every ten seconds and at each slot's end. */
  start(): void {
    this.sample();
    const toSlotEndMs = SLOT_MS - (this.#now() % SLOT_MS);
    this.#timer = setTimeout(() => this.start(), Math.min(SAMPLE_MS, toSlotEndMs + 5));
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  sample(): void {
    const counters = this.#read();
    for (const now of counters) {
      const before = this.#last.get(now.name);
      // What an interface had carried when it is first seen is no traffic of this slot.
      if (before === undefined) continue;
      this.#inBytes += since(before.inBytes, now.inBytes);
      this.#outBytes += since(before.outBytes, now.outBytes);
    }
    this.#last = new Map(counters.map((counter) => [counter.name, counter]));

    const slot = Math.floor(this.#now() / SLOT_MS);
    if (this.#slot !== undefined && slot > this.#slot) this.#report(this.#slot);
    this.#slot = slot;
  }

  #report(slot: number): void {
    const bandwidthMbit = this.#bandwidthMbit();
    const inBytes = this.#inBytes;
    const outBytes = this.#outBytes;
    this.#inBytes = 0;
    this.#outBytes = 0;
    if (bandwidthMbit === undefined) return;
    this.#onSlot({
      slot,
      inPercent: slotPercent(inBytes, bandwidthMbit),
      outPercent: slotPercent(outBytes, bandwidthMbit),
    });
  }

  #now(): number {
    return this.#timeMs() ?? this.#clock.now();
  }
}

/** A counter that is lower than before has begun anew. */
const since = (before: number, now: number): number => (now >= before ? now - before : now);

/**
 * The counters of the interfaces that bear a default route; where there is none, of all but loopback and tunnels. Read
 * from proc(5), net/dev: unlike /sys it shows the network namespace of the process itself.
 */
export function readUplink(read: (path: string) => string = readProc): InterfaceCounters[] {
  const all = read("/proc/net/dev")
    .split("\n")
    .flatMap((line) => parseCounters(line));
  const uplinks = new Set([
    ...defaultRoutes4(read("/proc/net/route")),
    ...defaultRoutes6(read("/proc/net/ipv6_route")),
  ]);
  const found = all.filter(({ name }) => uplinks.has(name));
  return found.length > 0 ? found : all.filter(({ name }) => !/^(lo$|tun|tap|wg|lethe)/.test(name));
}

/** `  eth0: 1500 10 0 0 0 0 0 0 900 8 0 …`: received bytes first, sent bytes ninth. */
function parseCounters(line: string): InterfaceCounters[] {
  const [, name, figures = ""] = /^\s*([^\s:]+):\s*([\d\s]+)$/.exec(line) ?? [];
  const columns = figures.trim().split(/\s+/).map(Number);
  const [inBytes, outBytes] = [columns[0], columns[8]];
  if (name === undefined || inBytes === undefined || outBytes === undefined) return [];
  return [{ name, inBytes, outBytes }];
}

/** `eth0 00000000 0102A8C0 0003 0 0 100 00000000 …`: destination second, mask eighth. */
const defaultRoutes4 = (table: string): string[] =>
  table.split("\n").flatMap((line) => {
    const [name, destination, , , , , , mask] = line.split(/\s+/);
    return name !== undefined && destination === "00000000" && mask === "00000000" ? [name] : [];
  });

/** Destination and its length first, the interface last; an unreachable default stands on lo. */
const defaultRoutes6 = (table: string): string[] =>
  table.split("\n").flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const name = columns.at(-1);
    const isDefault = columns.length === 10 && /^0{32}$/.test(columns[0]!) && columns[1] === "00";
    return isDefault && name !== undefined && name !== "lo" ? [name] : [];
  });

/** Empty where there is no such file: a kernel without IPv6 has no net/ipv6_route. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
