import { setTimeout as pause } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import { startRewriting } from "./rewriting.ts";
import type { Tables } from "./tables.ts";

/**
 * How what was deleted leaves SQLite's files. `secure_delete` overwrites the cell of a deleted row, but not the copies of it that
 * stay behind in the free middle of a page when SQLite has moved rows between pages to keep its trees in balance; about one in a
 * hundred larger deletions leaves one. VACUUM builds the file anew out of the rows that are there, so that nothing else can be in
 * it; then the log, which still has the old pages, goes into the file and is cut to nothing.
 *
 * That takes time and memory in proportion to the file, and nobody can use the database meanwhile. A small file is written anew
 * at once, at most a quarter of the time; a larger one later, for many deletions together, by the rule for PostgreSQL (rewriting.ts).
 */
export const AT_ONCE_BYTES = 16 * 1024 * 1024;
/** After a rewrite there is none for so many times as long as it took: those who wait meanwhile share the next. */
const PAUSE_PART = 3;
const EVERY_MS = 60_000;

export interface Scrubbing {
  /** Store.scrub. */
  scrub(): Promise<boolean>;
  /** The last one. */
  close(): Promise<void>;
}

export interface ScrubbingOptions {
  /** In place of a minute, and of the longer pauses of large files. */
  everyMs?: number | undefined;
  atOnceBytes?: number | undefined;
}

/** `db`: SQLite, open for nothing else yet. A minute from now the file is written anew in any case: who knows what a crash has left. */
export async function startScrubbing(db: Kysely<Tables>, options: ScrubbingOptions = {}): Promise<Scrubbing> {
  const { everyMs, atOnceBytes = AT_ONCE_BYTES } = options;
  let clean = await changesSoFar(db);
  let turn: Promise<unknown> = Promise.resolve();
  let next: Promise<boolean> | undefined;
  let notBefore = 0;

  /** One after another; never rejects: what has been committed stands, and a full disk or a reader in the way is met again by the next. */
  const inTurn = (work: (connection: Kysely<Tables>) => Promise<boolean>): Promise<boolean> => {
    const done = turn.then(() => db.connection().execute(work)).catch(() => false);
    turn = done;
    return done;
  };
  const writeAnew = async (connection: Kysely<Tables>): Promise<boolean> => {
    // The log takes the whole file: where a reader keeps it from being cut, it would grow by that each time.
    if (!(await cutLog(connection))) return false;
    const startMs = performance.now();
    try {
      await sql`VACUUM`.execute(connection);
    } finally {
      notBefore = performance.now() + PAUSE_PART * (performance.now() - startMs);
    }
    clean = await changesSoFar(connection);
    return cutLog(connection);
  };
  const round = async (connection: Kysely<Tables>): Promise<boolean> => {
    if ((await changesSoFar(connection)) === clean) return cutLog(connection);
    if ((await sizeOf(connection)) <= atOnceBytes) return writeAnew(connection);
    rewriting.request();
    await cutLog(connection);
    return false;
  };
  const scrub = (): Promise<boolean> => {
    next ??= (async () => {
      await turn;
      const waitMs = notBefore - performance.now();
      if (waitMs > 0) await pause(waitMs);
      // What is deleted from here on needs another.
      next = undefined;
      return inTurn(round);
    })();
    return next;
  };

  const rewriting = startRewriting(async () => {
    if (!(await inTurn(writeAnew))) throw new Error("not now");
  }, everyMs);
  const timer = setInterval(() => void scrub(), everyMs ?? EVERY_MS);
  timer.unref();
  return {
    scrub,
    async close() {
      clearInterval(timer);
      rewriting.close();
      await scrub();
    },
  };
}

/** The log goes into the file and is cut to nothing; false where another process was reading (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint). */
export async function cutLog(db: Kysely<Tables>): Promise<boolean> {
  const { rows } = await sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db);
  return rows[0]?.busy === 0;
}

/** Another text after each change, by this process (`total_changes`) or another (`data_version`). */
async function changesSoFar(db: Kysely<Tables>): Promise<string> {
  const own = await sql<{ count: number }>`select total_changes() as count`.execute(db);
  const others = await sql<{ data_version: number }>`PRAGMA data_version`.execute(db);
  return `${own.rows[0]?.count} ${others.rows[0]?.data_version}`;
}

async function sizeOf(db: Kysely<Tables>): Promise<number> {
  const pages = await sql<{ page_count: number }>`PRAGMA page_count`.execute(db);
  const size = await sql<{ page_size: number }>`PRAGMA page_size`.execute(db);
  return (pages.rows[0]?.page_count ?? 0) * (size.rows[0]?.page_size ?? 0);
}
