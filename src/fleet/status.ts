import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Health, Totals } from "../link/reports.ts";
import type { Store } from "../store/open.ts";
import { ServerNews, SLOT_S, SLOTS_A_DAY, type SlotTraffic } from "./server-news.ts";
import { type ServerStatus, statusOf } from "./server-status.ts";
import { listServers, type Server } from "./servers.ts";
import {
  type HealthNews,
  readHealth,
  readSlotServices,
  readSlots,
  type TotalsNews,
  writeHealth,
  writeTotals,
} from "./status-rows.ts";

const HOUR_S = 3600;
/** How far an exit's clock may be ahead of ours. */
const CLOCKS_APART_S = 60;
/** Health that is older says nothing any more: after an outage the link holds a day of it. */
const HEALTH_WORTH_MINUTES = 5;
/** How often whoever asks has the store read again: servers, and what other offices took in. */
const READ_EVERY_MS = 5000;
/** Health is written so often at most: it is of a minute, and lost it comes again. */
const WRITE_HEALTH_EVERY_MS = 10_000;
/** Servers whose whole day is read at once: their rows are turned into objects without a pause. */
const SERVERS_AT_ONCE = 40;
/** Slots that other offices may have taken in since the last reading. */
const RECENT_SLOTS = 3;
const BATCH_MOST = 1000;

interface HourTraffic {
  /** UTC seconds / 3600. */
  hour: number;
  inPercent: number;
  outPercent: number;
}

type Outcome = Result<"new" | "replay", "unknown-server" | "future" | "too-old">;

interface Entry {
  server: Server;
  /** The server's row, to see whether it is another now. */
  text: string;
  news: ServerNews;
  status: ServerStatus | undefined;
  /** UTC seconds until which `status` stands if nothing more is heard. */
  untilS: number;
}

interface Waiting {
  totals: TotalsNews;
  settle: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/**
 * What is known of the servers' traffic and health: all that the exits ever say, in memory, and in the store, so that a
 * restart loses nothing. Slots are kept 24 hours, hours 30 days; `sweep` deletes what is older. Of several offices on one
 * database (`shared`) each shows what the others took in after READ_EVERY_MS and WRITE_HEALTH_EVERY_MS at the latest.
 */
export class Status {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #shared: boolean;
  readonly #gatherMs: number;
  readonly #entries = new Map<string, Entry>();
  #snapshot: ServerStatus[] | undefined;
  #snapshotUntilS = 0;
  #loaded = false;
  #reading: Promise<void> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** Which servers' whole day is read next, for what other offices took in late. */
  #rereadAt = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #unwritten = new Map<string, HealthNews>();
  #healthTimer: NodeJS.Timeout | undefined;

  /** `gatherMs`: how long totals may wait for others, to be written in one transaction (0 unless told). */
  constructor(options: { store: Store; clock: Clock; shared?: boolean; gatherMs?: number }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#shared = options.shared ?? false;
    this.#gatherMs = options.gatherMs ?? 0;
  }

  /**
   * Takes an exit's news in; when it resolves, totals are in the store. The same news again changes nothing ("replay"). What
   * has not happened yet, or is older than a day, is refused. Rejects where the store cannot be written.
   */
  async accept(report: Totals | Health): Promise<Outcome> {
    if (!(await this.#knows(report.server))) return fail("unknown-server");
    return report.kind === "health" ? this.#acceptHealth(report) : this.#acceptTotals(report);
  }

  /** Every server as of now, by name. The same array as before where nothing has changed. */
  async list(): Promise<readonly ServerStatus[]> {
    await this.#read();
    return this.#current();
  }

  /** The last 24 hours of a server, SLOTS_A_DAY entries, oldest first, up to the last slot that has ended. */
  day(server: string): SlotTraffic[] {
    const news = this.#entries.get(server)?.news ?? new ServerNews();
    const first = this.#currentSlot() - SLOTS_A_DAY;
    return Array.from({ length: SLOTS_A_DAY }, (_, index) => news.traffic(first + index));
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

  /** The newest health that a server has told of, whether or not that is lately; undefined where it never did. */
  healthOf(server: string): { minute: number; release: string; upgradeFailed: boolean } | undefined {
    const news = this.#entries.get(server)?.news;
    if (news === undefined || news.healthMinute < 0) return undefined;
    return { minute: news.healthMinute, release: news.release, upgradeFailed: news.upgradeFailed };
  }

  /** How many tests of a service have failed in a row, as far as this office has heard of them. */
  failures(server: string, service: string): number {
    return this.#entries.get(server)?.news.failures(service) ?? 0;
  }

  /** Servers were added, changed or taken away: the next who asks sees it. */
  serversChanged(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Writes what has not been written yet. */
  async flush(): Promise<void> {
    clearTimeout(this.#healthTimer);
    this.#healthTimer = undefined;
    await this.#writing;
    const news = [...this.#unwritten.values()];
    this.#unwritten = new Map();
    try {
      await writeHealth(this.#store, news);
    } catch (error) {
      for (const each of news) if (!this.#unwritten.has(each.server)) this.#unwritten.set(each.server, each);
      throw error;
    }
  }

  /** The last writing; nothing may be taken in after it. Never rejects: what is lost of health comes again. */
  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    clearTimeout(this.#healthTimer);
  }

  async #knows(server: string): Promise<boolean> {
    await this.#read();
    if (this.#entries.has(server)) return true;
    // One that was added a moment ago, perhaps by another office; not more often than once a second for a name of nobody's.
    if (this.#clock.now() - this.#readAtMs < 1000) return false;
    this.serversChanged();
    await this.#read();
    return this.#entries.has(server);
  }

  #acceptHealth(report: Health): Outcome {
    const { server, minute, services } = report;
    const nowS = this.#nowS();
    if (minute * 60 > nowS + CLOCKS_APART_S) return fail("future");
    if (minute < nowS / 60 - SLOTS_A_DAY * 5) return fail("too-old");
    if (minute < nowS / 60 - HEALTH_WORTH_MINUTES) return ok("replay");
    const entry = this.#entries.get(server)!;
    const news = {
      server,
      minute,
      services,
      release: report.release,
      upgradeFailed: report.upgrade === "failed",
    };
    if (!this.#addHealth(entry, news)) return ok("replay");
    this.#unwritten.set(server, news);
    this.#healthTimer ??= setTimeout(
      () => this.flush().catch(() => undefined),
      WRITE_HEALTH_EVERY_MS,
    ).unref();
    return ok("new");
  }

  #addHealth({ server, news, status }: Entry, health: HealthNews): boolean {
    const outcome = news.addHealth(health.minute, health.services);
    if (outcome === "old") return false;
    news.release = health.release;
    news.upgradeFailed = health.upgradeFailed;
    if (outcome === "new" || status?.state !== "up") this.#changed(server.name);
    return true;
  }

  async #acceptTotals(totals: TotalsNews): Promise<Outcome> {
    const nowS = this.#nowS();
    if ((totals.slot + 1) * SLOT_S > nowS + CLOCKS_APART_S) return fail("future");
    if (totals.slot < this.#currentSlot() - SLOTS_A_DAY) return fail("too-old");
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#waiting.push({ totals, settle: resolve, reject });
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = undefined;
    });
    return promise;
  }

  /** One transaction after another until nothing waits; what comes in meanwhile goes into the next. */
  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#gatherMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#gatherMs));
      const batch = this.#waiting.splice(0, BATCH_MOST);
      try {
        const outcomes = await writeTotals(
          this.#store,
          batch.map(({ totals }) => totals),
        );
        batch.forEach(({ totals, settle }, index) => {
          const outcome = outcomes[index]!;
          if (outcome === "new") this.#addTotals(totals);
          settle(outcome === "unknown-server" ? fail(outcome) : ok(outcome));
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  #addTotals({ server, slot, inPercent, outPercent, services }: TotalsNews): void {
    const news = this.#entries.get(server)?.news;
    if (news === undefined) return;
    const added = news.addSlot(slot, inPercent, outPercent);
    if (news.setSlotServices(slot, services) || added) this.#changed(server);
  }

  #changed(server: string): void {
    const entry = this.#entries.get(server);
    if (entry !== undefined) entry.status = undefined;
    this.#snapshot = undefined;
  }

  #current(): readonly ServerStatus[] {
    const nowS = this.#nowS();
    if (this.#snapshot !== undefined && nowS < this.#snapshotUntilS) return this.#snapshot;
    let changed = this.#snapshot === undefined;
    let untilS = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.status === undefined || nowS >= entry.untilS) {
        const next = statusOf(entry.server, entry.news, nowS);
        entry.untilS = next.untilS;
        // News that says the same again moves the time on and nothing else.
        if (entry.status === undefined || JSON.stringify(entry.status) !== JSON.stringify(next.status)) {
          entry.status = next.status;
          changed = true;
        }
      }
      untilS = Math.min(untilS, entry.untilS);
    }
    if (changed)
      this.#snapshot = [...this.#entries.values()]
        .sort((a, b) => (a.server.name < b.server.name ? -1 : 1))
        .map(({ status }) => status!);
    this.#snapshotUntilS = untilS;
    return this.#snapshot!;
  }

  /** Reads what others may have changed, where that is due; one reading for all who ask meanwhile. */
  async #read(): Promise<void> {
    if (this.#loaded && this.#clock.now() - this.#readAtMs < READ_EVERY_MS) return;
    this.#reading ??= this.#readStore().finally(() => {
      this.#reading = undefined;
    });
    try {
      await this.#reading;
    } catch (error) {
      // The database is away: what is in memory stands. Without ever having read it there is nothing to show.
      if (!this.#loaded) throw error;
    }
  }

  async #readStore(): Promise<void> {
    const first = !this.#loaded;
    this.#readAtMs = this.#clock.now();
    this.#takeServers(await listServers(this.#store));
    if (first || this.#shared) await this.#readNews(first);
    this.#loaded = true;
  }

  #takeServers(servers: readonly Server[]): void {
    const named = new Set(servers.map(({ name }) => name));
    for (const name of this.#entries.keys())
      if (!named.has(name)) {
        this.#entries.delete(name);
        this.#unwritten.delete(name);
        this.#snapshot = undefined;
      }
    for (const server of servers) {
      const text = JSON.stringify(server);
      const entry = this.#entries.get(server.name);
      if (entry?.text === text) continue;
      const news = entry?.news ?? new ServerNews();
      this.#entries.set(server.name, { server, text, news, status: undefined, untilS: 0 });
      this.#snapshot = undefined;
    }
  }

  async #readNews(all: boolean): Promise<void> {
    const names = [...this.#entries.keys()];
    const day = this.#currentSlot() - SLOTS_A_DAY;
    if (all)
      for (let at = 0; at < names.length; at += SERVERS_AT_ONCE)
        await this.#readSlots(names.slice(at, at + SERVERS_AT_ONCE), day).then(othersFirst);
    else {
      await this.#readSlots(names, this.#currentSlot() - RECENT_SLOTS);
      if (this.#rereadAt >= names.length) this.#rereadAt = 0;
      await this.#readSlots(names.slice(this.#rereadAt, this.#rereadAt + SERVERS_AT_ONCE), day);
      this.#rereadAt += SERVERS_AT_ONCE;
    }
    const services = await readSlotServices(this.#store, all ? day : this.#currentSlot() - RECENT_SLOTS);
    for (const [server, { slot, services: told }] of services)
      if (this.#entries.get(server)?.news.setSlotServices(slot, told)) this.#changed(server);
    const firstMinute = all ? day * 5 : Math.floor(this.#nowS() / 60) - HEALTH_WORTH_MINUTES;
    for (const health of await readHealth(this.#store, firstMinute)) {
      const entry = this.#entries.get(health.server);
      if (entry !== undefined) this.#addHealth(entry, health);
    }
  }

  async #readSlots(servers: readonly string[], firstSlot: number): Promise<void> {
    for (const row of await readSlots(this.#store, servers, firstSlot))
      if (this.#entries.get(row.server)?.news.addSlot(row.slot, row.in_percent, row.out_percent))
        this.#changed(row.server);
  }

  #currentSlot(): number {
    return Math.floor(this.#nowS() / SLOT_S);
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** SQLite answers without a pause: whoever waits meanwhile comes in between. */
const othersFirst = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
