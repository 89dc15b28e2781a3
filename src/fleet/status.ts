import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { SLOT_MINUTES, type Totals } from "../link/totals.ts";
import type { Store } from "../store/open.ts";
import { listServers, type Server, type ServicePort } from "./servers.ts";

const SLOT_S = SLOT_MINUTES * 60;
const HOUR_S = 3600;
const SLOTS_AN_HOUR = HOUR_S / SLOT_S;
export const SLOTS_A_DAY = 86_400 / SLOT_S;
/** Two slots missed, and a minute for the news to travel. */
const NEWS_OLD_AFTER_S = 11 * 60;
/** How far an exit's clock may be ahead of ours. */
const CLOCKS_APART_S = 60;
/** Below this, members are told to take another server for large downloads (product.md, promise 7). */
const LARGE_DOWNLOADS_MBIT = 50;
/** Pages of one moment share one reading of the store. */
const READING_GOOD_MS = 2000;

/** One stretch of time; undefined where nothing is known of it. In whole percent of the bandwidth, 0: under 1 %. */
export interface SlotTraffic {
  /** UTC seconds / 300. */
  slot: number;
  inPercent: number | undefined;
  outPercent: number | undefined;
}

interface HourTraffic {
  /** UTC seconds / 3600. */
  hour: number;
  inPercent: number;
  outPercent: number;
}

interface ServiceStatus {
  service: string;
  /** As of the last news; false where there is none, or it is old. */
  healthy: boolean;
  ports: ServicePort[];
}

export interface ServerStatus {
  server: string;
  host: string;
  city: string;
  country: string;
  countryCode: string;
  latitude: number;
  longitude: number;
  addresses: string[];
  bandwidthMbit: number;
  /** `never`: nothing heard of it in the last 24 hours; `no-news`: nothing for more than 11 minutes. */
  state: "up" | "no-news" | "never";
  /** The end of the last five minutes that are known, UTC seconds; 0 where none are. */
  slotEndsAt: number;
  /** Of those five minutes; 0 where none are known. */
  inPercent: number;
  outPercent: number;
  /** 100 · max(in, out) / max(bandwidth, in, out), whole. */
  loadPercent: number;
  services: ServiceStatus[];
  /** The last 24 hours, SLOTS_A_DAY entries, oldest first, up to the last slot that has ended. */
  day: SlotTraffic[];
  largeDownloads: boolean;
}

/**
 * What is known of the servers' traffic and health: all that the exits ever say (totals), in the store, so that a restart
 * loses nothing. Slots are kept 24 hours, hours 30 days; `sweep` deletes what is older.
 */
export class Status {
  readonly #store: Store;
  readonly #clock: Clock;
  #reading: { untilMs: number; servers: Promise<ServerStatus[]> } | undefined;

  constructor(options: { store: Store; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /**
   * Takes an exit's news in. The same news again changes nothing ("replay"); a slot that has not ended yet, or is older
   * than the newest one known of that server, is refused.
   */
  async accept(totals: Totals): Promise<Result<"new" | "replay", "unknown-server" | "future" | "too-old">> {
    const { server, slot } = totals;
    const nowS = this.#nowS();
    if ((slot + 1) * SLOT_S > nowS + CLOCKS_APART_S) return fail("future");
    if (slot < this.#currentSlot() - SLOTS_A_DAY) return fail("too-old");
    const outcome = await this.#store.db
      .transaction()
      .execute(async (trx): Promise<Result<"new" | "replay", "unknown-server" | "too-old">> => {
        const known = await trx
          .selectFrom("servers")
          .select("name")
          .where("name", "=", server)
          .executeTakeFirst();
        if (known === undefined) return fail("unknown-server");
        const newest = await trx
          .selectFrom("traffic_slots")
          .select((expression) => expression.fn.max("slot").as("slot"))
          .where("server", "=", server)
          .executeTakeFirst();
        if (newest?.slot !== null && newest !== undefined) {
          if (Number(newest.slot) > slot) return fail("too-old");
          if (Number(newest.slot) === slot) return ok("replay");
        }
        await trx
          .insertInto("traffic_slots")
          .values({ server, slot, in_percent: totals.inPercent, out_percent: totals.outPercent })
          .execute();

        const hour = Math.floor(slot / SLOTS_AN_HOUR);
        const slots = await trx
          .selectFrom("traffic_slots")
          .select(["in_percent", "out_percent"])
          .where("server", "=", server)
          .where("slot", ">=", hour * SLOTS_AN_HOUR)
          .where("slot", "<", (hour + 1) * SLOTS_AN_HOUR)
          .execute();
        const average = {
          in_percent: mean(slots.map((row) => row.in_percent)),
          out_percent: mean(slots.map((row) => row.out_percent)),
        };
        await trx
          .insertInto("traffic_hours")
          .values({ server, hour, ...average })
          .onConflict((conflict) => conflict.columns(["server", "hour"]).doUpdateSet(average))
          .execute();

        await trx.deleteFrom("server_services").where("server", "=", server).execute();
        for (const [service, healthy] of new Map(totals.services.map((each) => [each.service, each.healthy])))
          await trx
            .insertInto("server_services")
            .values({ server, service, healthy: healthy ? 1 : 0, slot })
            .execute();
        return ok("new");
      });
    this.#reading = undefined;
    return outcome;
  }

  /** Every server as of now, by name. */
  list(): Promise<ServerStatus[]> {
    const nowMs = this.#clock.now();
    if (this.#reading === undefined || nowMs >= this.#reading.untilMs) {
      const servers = this.#read();
      const reading = { untilMs: nowMs + READING_GOOD_MS, servers };
      this.#reading = reading;
      servers.catch(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    }
    return this.#reading.servers;
  }

  /** The hours of the last 30 days that are known of a server, oldest first. */
  async hours(server: string): Promise<HourTraffic[]> {
    const rows = await this.#store.db
      .selectFrom("traffic_hours")
      .selectAll()
      .where("server", "=", server)
      .where("hour", ">=", Math.floor(this.#nowS() / HOUR_S) - 30 * 24)
      .orderBy("hour")
      .execute();
    return rows.map((row) => ({ hour: row.hour, inPercent: row.in_percent, outPercent: row.out_percent }));
  }

  async #read(): Promise<ServerStatus[]> {
    const first = this.#currentSlot() - SLOTS_A_DAY;
    const [servers, slots, services] = await Promise.all([
      listServers(this.#store),
      this.#store.db.selectFrom("traffic_slots").selectAll().where("slot", ">=", first).execute(),
      this.#store.db.selectFrom("server_services").selectAll().where("slot", ">=", first).execute(),
    ]);
    return servers.map((server) =>
      this.#statusOf(
        server,
        new Map(slots.filter((row) => row.server === server.name).map((row) => [row.slot, row])),
        new Map(
          services.filter((row) => row.server === server.name).map((row) => [row.service, row.healthy !== 0]),
        ),
      ),
    );
  }

  #statusOf(
    server: Server,
    slots: Map<number, { in_percent: number; out_percent: number }>,
    healthy: Map<string, boolean>,
  ): ServerStatus {
    const newest = Math.max(-1, ...slots.keys());
    const slotEndsAt = newest < 0 ? 0 : (newest + 1) * SLOT_S;
    const state = newest < 0 ? "never" : this.#nowS() - slotEndsAt > NEWS_OLD_AFTER_S ? "no-news" : "up";
    const inPercent = slots.get(newest)?.in_percent ?? 0;
    const outPercent = slots.get(newest)?.out_percent ?? 0;
    const first = this.#currentSlot() - SLOTS_A_DAY;
    const { name, services, ...place } = server;
    return {
      server: name,
      ...place,
      state,
      slotEndsAt,
      inPercent,
      outPercent,
      loadPercent: loadPercent(inPercent, outPercent),
      services: services.map((offer) => ({
        ...offer,
        healthy: state === "up" && healthy.get(offer.service) === true,
      })),
      day: Array.from({ length: SLOTS_A_DAY }, (_, index) => ({
        slot: first + index,
        inPercent: slots.get(first + index)?.in_percent,
        outPercent: slots.get(first + index)?.out_percent,
      })),
      largeDownloads: server.bandwidthMbit >= LARGE_DOWNLOADS_MBIT,
    };
  }

  #currentSlot(): number {
    return Math.floor(this.#nowS() / SLOT_S);
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** Load as the interfaces that clients know define it, of figures in percent of the bandwidth. */
export function loadPercent(inPercent: number, outPercent: number): number {
  const most = Math.max(inPercent, outPercent);
  return Math.round((100 * most) / Math.max(100, most));
}

/** Rounded down, as the figures it is made of. */
const mean = (values: number[]): number =>
  values.length === 0 ? 0 : Math.floor(values.reduce((sum, value) => sum + value, 0) / values.length);
