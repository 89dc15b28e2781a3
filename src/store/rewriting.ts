import { type Kysely, sql } from "kysely";
import type { Tables } from "./tables.ts";

/**
 * On PostgreSQL a row that was deleted or overwritten stays in the table's file, and VACUUM only gives its room to later rows. What
 * takes the bytes away is VACUUM FULL: it writes the table and its indexes anew and removes the old files. Nobody can use the
 * table meanwhile, so it is done for many deletions at once and for a small part of the time.
 */
const TABLES: readonly (keyof Tables)[] = [
  "accounts",
  "vouchers",
  "devices",
  "device_servers",
  "payment_events",
  "refunds_due",
  "cash_orders",
  "payer_hashes",
  "mail_queue",
  "mail_marks",
  "tickets",
  "ticket_messages",
];
/** The tables may be closed for a thousandth of the time: a rewrite of a second is followed by a quarter of an hour without. */
const CLOSED_PART = 1 / 1000;
const LEAST_MS = 60_000;
/** What an open transaction elsewhere (a dump) could still read is kept by a rewrite: the next day's takes it. */
const AGAIN_MS = 86_400_000;
/** Whoever asks for the table meanwhile waits behind us: we do not wait long ourselves. */
const WAIT_MS = 1000;

export interface Rewriting {
  /** There is something to take away. */
  request(): void;
  close(): void;
}

/**
 * Has `rewrite` called some time after it was asked for; again later where it rejects. `everyMs`: a time of its own instead. The
 * first is asked for at once: who knows what was deleted before.
 */
export function startRewriting(rewrite: () => Promise<void>, everyMs?: number): Rewriting {
  let waiting: NodeJS.Timeout | undefined;
  let pauseMs = everyMs ?? LEAST_MS;
  let closed = false;
  const request = () => {
    if (waiting !== undefined || closed) return;
    waiting = setTimeout(async () => {
      // What is deleted from here on needs another.
      waiting = undefined;
      const startedMs = performance.now();
      try {
        await rewrite();
        pauseMs = everyMs ?? Math.max(LEAST_MS, (performance.now() - startedMs) / CLOSED_PART);
      } catch {
        // Somebody used the table for long, or the server is away: again later.
        request();
      }
    }, pauseMs);
    waiting.unref();
  };
  request();
  const daily = setInterval(request, AGAIN_MS);
  daily.unref();
  return {
    request,
    close() {
      closed = true;
      clearInterval(daily);
      clearTimeout(waiting);
    },
  };
}

export async function rewritePostgres(db: Kysely<Tables>): Promise<void> {
  await db.connection().execute(async (connection) => {
    await sql`select set_config('lock_timeout', ${`${WAIT_MS}ms`}, false)`.execute(connection);
    try {
      for (const table of TABLES) await sql`vacuum full ${sql.table(table)}`.execute(connection);
      await endLogSegment(connection);
    } finally {
      await sql`reset lock_timeout`.execute(connection);
    }
  });
}

/** The write-ahead log has the rows too; the segment that it is writing now is removed only after the next has begun. */
async function endLogSegment(db: Kysely<Tables>): Promise<void> {
  // To call it unasked would leave an error in the server's log.
  const { rows } = await sql<{
    may: boolean;
  }>`select has_function_privilege('pg_switch_wal()', 'execute') as may`.execute(db);
  if (rows[0]?.may) await sql`select pg_switch_wal()`.execute(db);
}
