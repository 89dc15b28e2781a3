import { closeSync, existsSync, fchmodSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Kysely, sql } from "kysely";
import { StoreError, toStoreError } from "./errors.ts";
import { migrate } from "./migrations.ts";
import { openSqlite, sqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

export interface Store {
  db: Kysely<Tables>;
  /**
   * Makes what was deleted or overwritten leave the write-ahead log as well: its content goes into the file, and the log
   * is cut to nothing. To be awaited after every deletion; not inside a transaction. False where another process was
   * reading or the disk had no room, so that the log still stands: the next call (at the latest the interval's, or close)
   * does it. Never rejects.
   */
  scrub(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Opens the SQLite file at `path`, which is made (0600) where it is not there, and brings its schema up to date. The
 * write-ahead log is emptied now, every `scrubEveryMs` (a minute unless told), and when the store is closed.
 * Throws StoreError with a sentence for the operator.
 */
export async function openStore(options: {
  path: string;
  scrubEveryMs?: number;
  /** How long to wait for another process that writes. */
  busyTimeoutMs?: number;
}): Promise<Store> {
  makeFile(options.path);
  const database = openSqlite(options.path, options.busyTimeoutMs ?? 5000);
  const db = new Kysely<Tables>({ dialect: sqliteDialect(database) });
  const checkpoint = async (): Promise<boolean> => {
    const { rows } = await sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db);
    return rows[0]?.busy === 0;
  };
  try {
    await checkSound(db);
    await migrate(db);
    await checkpoint();
  } catch (error) {
    await db.destroy().catch(() => undefined);
    throw toStoreError(error);
  }
  // What has been committed stands, whatever comes of this: a full disk or a reader in the way is met again by the next round.
  const scrub = (): Promise<boolean> => checkpoint().catch(() => false);
  const timer = setInterval(() => void scrub(), options.scrubEveryMs ?? 60_000);
  timer.unref();
  return {
    db,
    scrub,
    async close() {
      clearInterval(timer);
      await scrub();
      await db.destroy();
    },
  };
}

/** SQLite gives its log and index files the mode of the database, so the file has to be private from its first byte. */
function makeFile(path: string): void {
  if (!existsSync(dirname(path))) throw new StoreError("missing");
  if (existsSync(path) && !statSync(path).isFile()) throw new StoreError("corrupt");
  try {
    const file = openSync(path, "a", 0o600);
    try {
      fchmodSync(file, 0o600);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw toStoreError(error);
  }
}

/** Finds damage at the start rather than at some member's login. Reads the whole file: about a second a gigabyte. */
async function checkSound(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ quick_check: string }>`PRAGMA quick_check(1)`.execute(db);
  if (rows[0]?.quick_check !== "ok") throw new StoreError("corrupt");
}
