import { sql, type Transaction } from "kysely";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { type ServiceHealth, SLOT_S } from "./server-news.ts";

/** The status's rows: how news of many servers is read and written in few statements. */

const SLOTS_AN_HOUR = 3600 / SLOT_S;
/** Rows a statement: well under the 32,766 values that SQLite takes in one (sqlite.org/limits.html), and PostgreSQL's 65,535. */
const ROWS_AT_ONCE = 500;

export interface TotalsNews {
  server: string;
  slot: number;
  inPercent: number;
  outPercent: number;
  services: readonly ServiceHealth[];
}

export interface HealthNews {
  server: string;
  minute: number;
  release: string;
  upgradeFailed: boolean;
  services: readonly ServiceHealth[];
}

/** Slots of some servers from `firstSlot` on. */
export function readSlots(store: Store, servers: readonly string[], firstSlot: number) {
  if (servers.length === 0) return Promise.resolve([]);
  return store.db
    .selectFrom("traffic_slots")
    .selectAll()
    .where("server", "in", servers)
    .where("slot", ">=", firstSlot)
    .execute();
}

/** The services' health as the newest totals have it, where those are not older than `firstSlot`. */
export async function readSlotServices(
  store: Store,
  firstSlot: number,
): Promise<Map<string, TotalsServices>> {
  const rows = await store.db
    .selectFrom("server_services")
    .selectAll()
    .where("slot", ">=", firstSlot)
    .execute();
  const found = new Map<string, TotalsServices>();
  for (const row of rows) {
    const entry = found.get(row.server) ?? { slot: row.slot, services: [] };
    entry.services.push({ service: row.service, healthy: row.healthy !== 0 });
    found.set(row.server, entry);
  }
  return found;
}

interface TotalsServices {
  slot: number;
  services: ServiceHealth[];
}

/** Each server's newest health that is not older than `firstMinute`. */
export async function readHealth(store: Store, firstMinute: number): Promise<HealthNews[]> {
  const rows = await store.db
    .selectFrom("server_health")
    .selectAll()
    .where("minute", ">=", firstMinute)
    .execute();
  const found = new Map<string, HealthNews & { services: ServiceHealth[] }>();
  for (const row of rows) {
    const service = { service: row.service, healthy: row.healthy !== 0 };
    const before = found.get(row.server);
    if (before !== undefined && before.minute === row.minute) before.services.push(service);
    // A row that is behind the others is of a service that the server no longer has.
    else if (before === undefined || before.minute < row.minute)
      found.set(row.server, {
        server: row.server,
        minute: row.minute,
        release: row.release,
        upgradeFailed: row.upgrade_failed !== 0,
        services: [service],
      });
  }
  return [...found.values()];
}

/**
 * Writes totals in one transaction; what each came to, in their order. Of two of one server and slot the first stands,
 * whichever office took it in.
 */
export function writeTotals(
  store: Store,
  batch: readonly TotalsNews[],
): Promise<("new" | "replay" | "unknown-server")[]> {
  return store.db.transaction().execute(async (trx) => {
    const known = await knownServers(
      trx,
      batch.map(({ server }) => server),
    );
    const taken = await takenSlots(trx, batch);
    const fresh: TotalsNews[] = [];
    const outcomes = batch.map((totals) => {
      if (!known.has(totals.server)) return "unknown-server";
      const key = `${totals.server} ${totals.slot}`;
      if (taken.has(key)) return "replay";
      taken.add(key);
      fresh.push(totals);
      return "new";
    });
    for (const part of parts(fresh))
      await trx
        .insertInto("traffic_slots")
        .values(
          part.map(({ server, slot, inPercent, outPercent }) => ({
            server,
            slot,
            in_percent: inPercent,
            out_percent: outPercent,
          })),
        )
        .execute();
    await writeHours(trx, fresh);
    await writeSlotServices(trx, fresh);
    return outcomes;
  });
}

async function knownServers(trx: Transaction<Tables>, names: readonly string[]): Promise<Set<string>> {
  const rows = await trx
    .selectFrom("servers")
    .select("name")
    .where("name", "in", [...new Set(names)])
    .execute();
  return new Set(rows.map(({ name }) => name));
}

async function takenSlots(trx: Transaction<Tables>, batch: readonly TotalsNews[]): Promise<Set<string>> {
  const rows = await trx
    .selectFrom("traffic_slots")
    .select(["server", "slot"])
    .where("server", "in", [...new Set(batch.map(({ server }) => server))])
    .where("slot", "in", [...new Set(batch.map(({ slot }) => slot))])
    .execute();
  return new Set(rows.map(({ server, slot }) => `${server} ${slot}`));
}

/** The average of an hour's slots, rounded down as they are: both databases divide whole numbers so. */
async function writeHours(trx: Transaction<Tables>, fresh: readonly TotalsNews[]): Promise<void> {
  const byHour = Map.groupBy(fresh, ({ slot }) => Math.floor(slot / SLOTS_AN_HOUR));
  for (const [hour, totals] of byHour) {
    const servers = [...new Set(totals.map(({ server }) => server))];
    await sql`insert into traffic_hours (server, hour, in_percent, out_percent)
      select server, ${sql.lit(hour)}, sum(in_percent) / count(*), sum(out_percent) / count(*) from traffic_slots
      where server in (${sql.join(servers)}) and slot >= ${hour * SLOTS_AN_HOUR} and slot < ${(hour + 1) * SLOTS_AN_HOUR}
      group by server
      on conflict (server, hour) do update set in_percent = excluded.in_percent, out_percent = excluded.out_percent`.execute(
      trx,
    );
  }
}

async function writeSlotServices(trx: Transaction<Tables>, fresh: readonly TotalsNews[]): Promise<void> {
  const newest = new Map<string, TotalsNews>();
  for (const totals of fresh)
    if (totals.slot >= (newest.get(totals.server)?.slot ?? 0)) newest.set(totals.server, totals);
  if (newest.size === 0) return;
  const behind = await trx
    .selectFrom("server_services")
    .select(({ fn }) => ["server", fn.max("slot").as("slot")])
    .where("server", "in", [...newest.keys()])
    .groupBy("server")
    .execute();
  for (const { server, slot } of behind) if (Number(slot) > newest.get(server)!.slot) newest.delete(server);
  const servers = [...newest.keys()];
  if (servers.length === 0) return;
  await trx.deleteFrom("server_services").where("server", "in", servers).execute();
  const rows = [...newest.values()].flatMap(({ server, slot, services }) =>
    [...new Map(services.map((each) => [each.service, each.healthy]))].map(([service, healthy]) => ({
      server,
      service,
      healthy: healthy ? 1 : 0,
      slot,
    })),
  );
  for (const part of parts(rows)) await trx.insertInto("server_services").values(part).execute();
}

/** Writes each server's newest health, unless another office has written a newer one. */
export async function writeHealth(store: Store, news: readonly HealthNews[]): Promise<void> {
  if (news.length === 0) return;
  await store.db.transaction().execute(async (trx) => {
    const known = await knownServers(
      trx,
      news.map(({ server }) => server),
    );
    const rows = news
      .filter(({ server }) => known.has(server))
      .flatMap(({ server, minute, release, upgradeFailed, services }) =>
        [...new Map(services.map((each) => [each.service, each.healthy]))].map(([service, healthy]) => ({
          server,
          service,
          minute,
          healthy: healthy ? 1 : 0,
          release,
          upgrade_failed: upgradeFailed ? 1 : 0,
        })),
      );
    for (const part of parts(rows))
      await trx
        .insertInto("server_health")
        .values(part)
        .onConflict((conflict) =>
          conflict
            .columns(["server", "service"])
            .doUpdateSet(({ ref }) => ({
              minute: ref("excluded.minute"),
              healthy: ref("excluded.healthy"),
              release: ref("excluded.release"),
              upgrade_failed: ref("excluded.upgrade_failed"),
            }))
            .whereRef("excluded.minute", ">=", "server_health.minute"),
        )
        .execute();
  });
}

function* parts<Row>(rows: readonly Row[]): Generator<Row[]> {
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) yield rows.slice(at, at + ROWS_AT_ONCE);
}
