import { closeSync, existsSync, fchmodSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Kysely, sql } from "kysely";
import { copyBefore } from "./copies.ts";
import { StoreError, toStoreError } from "./errors.ts";
import { migrate, type Steps } from "./migrations.ts";
import { type News, nobodyElse, postgresNews } from "./news.ts";
import { OneWriterDialect, openPool } from "./postgres.ts";
import { toPostgresStoreError } from "./postgres-errors.ts";
import { type PostgresAddress, parsePostgresUrl } from "./postgres-url.ts";
import { rewritePostgres, startRewriting } from "./rewriting.ts";
import { cutLog, type Scrubbing, startScrubbing } from "./scrubbing.ts";
import { copyPostgres, copySqlite } from "./snapshot.ts";
import { BUSY_TIMEOUT_MS, openSqlite, sqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

export interface Store {
  db: Kysely<Tables>;
  /** How many steps brought the schema up to date just now. */
  upgraded: number;
  /**
   * Makes what was deleted or overwritten leave the files. To be awaited after every deletion; not inside a transaction. On
   * SQLite the file is written anew and the write-ahead log cut to nothing (scrubbing.ts): true when that is done; false where the
   * file is large, so that it is done later, or another process was reading or the disk had no room, so that the next call (at
   * the latest the interval's, or close) does it. On PostgreSQL the tables are written anew soon (rewriting.ts): always false. Never rejects.
   */
  scrub(): Promise<boolean>;
  /** How other offices on the same database hear of changes. */
  news: News;
  /** Where the database is; undefined on SQLite, which has one office. */
  postgres?: PostgresAddress;
  close(): Promise<void>;
}

interface CommonOptions {
  /** Where a copy is kept before the schema of an existing database is changed (`copies.ts`); SQLite: `backups` beside the file. */
  backups?: string;
  /** Other steps of the schema than this version's; for tests. */
  steps?: Steps;
}

interface SqliteOptions extends CommonOptions {
  path: string;
  scrubEveryMs?: number;
  /** Up to which size the file is written anew at once after a deletion (scrubbing.ts). */
  scrubAtOnceBytes?: number;
  /** How long to wait for another process that writes. */
  busyTimeoutMs?: number;
}

interface PostgresOptions extends CommonOptions {
  /** `store.url` of lethe.toml. */
  url: string;
  scrubEveryMs?: number;
}

/**
 * Opens the SQLite file at `path`, which is made (0600) where it is not there, or the PostgreSQL database at `url`, and brings
 * its schema up to date. What was deleted leaves the files now, every `scrubEveryMs` (a minute unless told), and when the store
 * is closed; PostgreSQL's so long after it was asked for (a minute, or longer where that takes long: rewriting.ts). Throws StoreError with a sentence for the operator.
 */
export async function openStore(options: SqliteOptions | PostgresOptions): Promise<Store> {
  if ("path" in options) return openSqliteStore(options);
  const address = parsePostgresUrl(options.url);
  if (address === undefined) throw new RangeError("url: postgres://…");
  return openPostgresStore(address, options);
}

async function openPostgresStore(
  address: PostgresAddress,
  { backups, steps, scrubEveryMs }: PostgresOptions,
): Promise<Store> {
  const db = new Kysely<Tables>({ dialect: new OneWriterDialect(openPool(address)) });
  let upgraded: number;
  try {
    const before = async (step: string) => {
      if (backups !== undefined) await copyPostgres(db, copyBefore(backups, step));
    };
    upgraded = await migrate(db, { before, steps });
  } catch (error) {
    await db.destroy().catch(() => undefined);
    throw toPostgresStoreError(error);
  }
  const rewriting = startRewriting(() => rewritePostgres(db), scrubEveryMs);
  return {
    db,
    upgraded,
    async scrub() {
      rewriting.request();
      return false;
    },
    news: postgresNews(address),
    postgres: address,
    async close() {
      rewriting.close();
      await db.destroy();
    },
  };
}

async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  makeFile(options.path);
  const database = openSqlite(options.path, options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
  const db = new Kysely<Tables>({ dialect: sqliteDialect(database) });
  let upgraded: number;
  let scrubbing: Scrubbing;
  try {
    await checkSound(db);
    const backups = options.backups ?? join(dirname(options.path), "backups");
    const before = (step: string) => copySqlite(database, copyBefore(backups, step));
    upgraded = await migrate(db, { before, steps: options.steps });
    await cutLog(db);
    scrubbing = await startScrubbing(db, {
      everyMs: options.scrubEveryMs,
      atOnceBytes: options.scrubAtOnceBytes,
    });
  } catch (error) {
    await db.destroy().catch(() => undefined);
    throw toStoreError(error);
  }
  return {
    db,
    upgraded,
    scrub: scrubbing.scrub,
    news: nobodyElse,
    async close() {
      await scrubbing.close();
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
