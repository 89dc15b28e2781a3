import { type Kysely, PostgresAdapter, sql, type Transaction } from "kysely";
import type { Tables } from "../store/tables.ts";

/** A number that no server has, for one that is about to be written: one above the highest, so that few are ever given twice. */
export async function newNumber(trx: Transaction<Tables>): Promise<number> {
  // Two offices may each be about to write one; SQLite lets only one write anyway.
  if (onPostgres(trx)) await sql`lock table servers in share row exclusive mode`.execute(trx);
  const { highest } = await trx
    .selectFrom("servers")
    .select(({ fn }) => fn.max("number").as("highest"))
    .executeTakeFirstOrThrow();
  return (highest ?? 0) + 1;
}

const onPostgres = (db: Kysely<Tables>): boolean => db.getExecutor().adapter instanceof PostgresAdapter;
