import { TRAFFIC_STEP_S } from "../lib/traffic-step.ts";

export const SLOT_S = TRAFFIC_STEP_S;
/** Slots of a day. */
export const SLOTS_A_DAY = 86_400 / SLOT_S;
/** Four health minutes missed: an exit tests itself every minute, and news needs a moment to travel. */
const HEALTH_OLD_AFTER_MINUTES = 3;
/** Two slots missed, and a minute for the news to travel: for exits that report no health of their own. */
const SLOT_OLD_AFTER_S = 11 * 60;
/** The resolver inside the tunnels: without it OpenVPN's members get nowhere. */
const RESOLVER = "dns";
const NEEDS_RESOLVER = "openvpn";

/** One stretch of time; undefined where nothing is known of it. In whole percent of the bandwidth, 0: under 1 %. */
export interface SlotTraffic {
  /** UTC seconds / 300. */
  slot: number;
  inPercent: number | undefined;
  outPercent: number | undefined;
}

export interface ServiceHealth {
  service: string;
  healthy: boolean;
}

interface Tested {
  minute: number;
  healthy: boolean;
  /** How many tests in a row have failed, as far as they were heard of. */
  failures: number;
}

/** `never`: nothing heard of it in the last 24 hours; `no-news`: nothing lately. */
export type NewsState = "up" | "no-news" | "never";

/**
 * What one server has said in the last 24 hours, in memory: 288 slots of traffic in fixed arrays, and its services' health.
 * Times come from outside; nothing here asks a clock.
 */
export class ServerNews {
  /** The newest slot known; -1 where none is. */
  newestSlot = -1;
  /** The newest minute in which the server tested its services; -1 where it never said. */
  healthMinute = -1;
  /** First 12 hexadecimal digits of the running bundle's SHA-256; empty for a checkout. */
  release = "";
  upgradeFailed = false;
  readonly #slots = new Float64Array(SLOTS_A_DAY).fill(-1);
  readonly #in = new Int16Array(SLOTS_A_DAY);
  readonly #out = new Int16Array(SLOTS_A_DAY);
  readonly #tested = new Map<string, Tested>();
  #slotServices = new Map<string, boolean>();
  #slotServicesOf = -1;
  /** Slots in a row that a service failed in, for exits that report no health of their own. */
  #slotFailures = new Map<string, number>();

  /** False where that slot is known already, or a newer day has taken its place. */
  addSlot(slot: number, inPercent: number, outPercent: number): boolean {
    const at = slot % SLOTS_A_DAY;
    if (this.#slots[at]! >= slot) return false;
    this.#slots[at] = slot;
    this.#in[at] = inPercent;
    this.#out[at] = outPercent;
    this.newestSlot = Math.max(this.newestSlot, slot);
    return true;
  }

  traffic(slot: number): SlotTraffic {
    const at = slot % SLOTS_A_DAY;
    const known = slot >= 0 && this.#slots[at] === slot;
    return {
      slot,
      inPercent: known ? this.#in[at] : undefined,
      outPercent: known ? this.#out[at] : undefined,
    };
  }

  /** The services' health as the totals of a slot have it; true where that changes something. */
  setSlotServices(slot: number, services: readonly ServiceHealth[]): boolean {
    if (slot < this.#slotServicesOf) return false;
    const next = new Map(services.map(({ service, healthy }) => [service, healthy]));
    const same = sameEntries(next, this.#slotServices);
    if (slot > this.#slotServicesOf)
      this.#slotFailures = new Map(
        services.map(({ service, healthy }) => [
          service,
          healthy ? 0 : (this.#slotFailures.get(service) ?? 0) + 1,
        ]),
      );
    this.#slotServices = next;
    this.#slotServicesOf = slot;
    return !same;
  }

  /**
   * The services' health as tested in a minute. "new": a service's health is another now, or the server was silent;
   * "fresh": the same once more; "old": a newer minute is known.
   */
  addHealth(minute: number, services: readonly ServiceHealth[]): "new" | "fresh" | "old" {
    if (minute <= this.healthMinute) return "old";
    let changed = minute - this.healthMinute > HEALTH_OLD_AFTER_MINUTES;
    this.healthMinute = minute;
    const named = new Set(services.map(({ service }) => service));
    for (const service of this.#tested.keys())
      if (!named.has(service)) changed = this.#tested.delete(service) || changed;
    for (const { service, healthy } of services) {
      const before = this.#tested.get(service);
      changed ||= before?.healthy !== healthy;
      this.#tested.set(service, { minute, healthy, failures: healthy ? 0 : (before?.failures ?? 0) + 1 });
    }
    return changed ? "new" : "fresh";
  }

  health(): ServiceHealth[] {
    return [...this.#tested].map(([service, { healthy }]) => ({ service, healthy }));
  }

  /** The end of the last time that anything is known of, UTC seconds; 0 where nothing is. */
  get newsAtS(): number {
    return Math.max(0, (this.newestSlot + 1) * SLOT_S, (this.healthMinute + 1) * 60);
  }

  /** Its state at `nowS`, and until when that stands if nothing more is heard (UTC seconds). */
  state(nowS: number): { state: NewsState; untilS: number } {
    if (this.newsAtS === 0 || nowS - this.newsAtS > SLOTS_A_DAY * SLOT_S)
      return { state: "never", untilS: Number.POSITIVE_INFINITY };
    if (this.#testedLately(nowS))
      return { state: "up", untilS: (this.healthMinute + HEALTH_OLD_AFTER_MINUTES + 1) * 60 };
    if (this.#slotLately(nowS))
      return { state: "up", untilS: (this.newestSlot + 1) * SLOT_S + SLOT_OLD_AFTER_S + 1 };
    return { state: "no-news", untilS: this.newsAtS + SLOTS_A_DAY * SLOT_S + 1 };
  }

  /** Whether a service that the server offers works as of `nowS`. */
  healthy(service: string, nowS: number): boolean {
    if (!this.#testedLately(nowS)) return this.#slotLately(nowS) && this.#slotServices.get(service) === true;
    if (service === NEEDS_RESOLVER && this.#tested.get(RESOLVER)?.healthy === false) return false;
    return this.#tested.get(service)?.healthy === true;
  }

  /** How many tests in a row a service has failed; the resolver's count for who needs it. */
  failures(service: string): number {
    if (this.#tested.size === 0) return this.#slotFailures.get(service) ?? 0;
    const own = this.#tested.get(service)?.failures ?? 0;
    const resolver = service === NEEDS_RESOLVER ? (this.#tested.get(RESOLVER)?.failures ?? 0) : 0;
    return Math.max(own, resolver);
  }

  #testedLately(nowS: number): boolean {
    return this.healthMinute >= 0 && Math.floor(nowS / 60) - this.healthMinute <= HEALTH_OLD_AFTER_MINUTES;
  }

  /** A slot that ended when its health was out of date already: so this exit reports none (link protocol 1). */
  #slotLately(nowS: number): boolean {
    const endS = (this.newestSlot + 1) * SLOT_S;
    const reportsHealth =
      this.healthMinute >= 0 && endS <= (this.healthMinute + 1 + HEALTH_OLD_AFTER_MINUTES) * 60;
    return this.newestSlot >= 0 && nowS - endS <= SLOT_OLD_AFTER_S && !reportsHealth;
  }
}

function sameEntries(one: Map<string, boolean>, other: Map<string, boolean>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
