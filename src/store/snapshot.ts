import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup, type DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Kysely, sql } from "kysely";
import { StoreError, toStoreError } from "./errors.ts";
import { migrateTo, migrationNames, takenSteps } from "./migrations.ts";
import { OneWriterDialect, openPool } from "./postgres.ts";
import { toPostgresStoreError } from "./postgres-errors.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { openSqlite, openSqliteToRead, sqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

/**
 * Copies of the whole store as it is at one moment, taken while it is used. Always an SQLite file, of PostgreSQL too: so a
 * copy can be put back on either, nothing in it is ever run as a program (a dump's SQL would be), and no client program
 * of the right version is needed.
 */

/** As many pages as there are: page by page, each write of the office's would make it begin again. */
const ALL_PAGES = 0x7fff_ffff;
const FETCH_ROWS = 1000;

/** SQLite's own online backup; writers are not held up. Throws StoreError; nothing stands at `to` then. */
export async function copySqlite(source: DatabaseSync, to: string): Promise<void> {
  await makingFile(to, async (partial) => {
    await backup(source, partial, { rate: ALL_PAGES });
  });
}

/** The whole store of another process, as it is: nothing is migrated. Throws StoreError. */
export async function copyStore(where: { path: string } | { url: string }, to: string): Promise<void> {
  if ("path" in where) return copySqliteFile(where.path, to);
  const address = parsePostgresUrl(where.url);
  if (address === undefined) throw new RangeError("url: postgres://…");
  const db = new Kysely<Tables>({ dialect: new OneWriterDialect(openPool(address)) });
  try {
    await copyPostgres(db, to);
  } catch (error) {
    throw toPostgresStoreError(error);
  } finally {
    await db.destroy();
  }
}

async function copySqliteFile(from: string, to: string): Promise<void> {
  let source: DatabaseSync;
  try {
    source = openSqliteToRead(from);
  } catch (error) {
    throw toStoreError(error);
  }
  try {
    await copySqlite(source, to);
  } finally {
    source.close();
  }
}

/**
 * Everything in a PostgreSQL database, of this version or an older one, in one read-only transaction: writers are not held up.
 * Throws StoreError; nothing stands at `to` then.
 */
export async function copyPostgres(db: Kysely<Tables>, to: string): Promise<void> {
  await makingFile(to, (partial) =>
    db.connection().execute(async (connection) => {
      // Not by Kysely: its transactions are one at a time here (postgres.ts), and this one may take its time.
      await sql`begin isolation level repeatable read read only`.execute(connection);
      try {
        await copyRows(connection, partial);
      } finally {
        await sql`rollback`.execute(connection);
      }
    }),
  );
}

async function copyRows(from: Kysely<Tables>, to: string): Promise<void> {
  const target = openSqlite(to, 0);
  // It is whole when it is renamed, and is synced before; until then nobody opens it.
  target.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF");
  const copy = new Kysely<Tables>({ dialect: sqliteDialect(target) });
  try {
    const steps = await takenSteps(from);
    if (steps.some((step) => !migrationNames.includes(step))) throw new StoreError("newer-schema");
    const last = steps.at(-1);
    if (last === undefined) return;
    await migrateTo(copy, last);
    for (const { name } of await copy.introspection.getTables()) await copyTable(from, target, name);
  } finally {
    await copy.destroy();
  }
}

async function copyTable(from: Kysely<Tables>, target: DatabaseSync, table: string): Promise<void> {
  await sql`declare copied no scroll cursor for select * from ${sql.table(table)}`.execute(from);
  target.exec("begin");
  let count = 0;
  for (;;) {
    const { rows } = await sql<
      Record<string, SQLInputValue>
    >`fetch ${sql.lit(FETCH_ROWS)} from copied`.execute(from);
    if (rows[0] === undefined) break;
    const columns = Object.keys(rows[0]);
    const insert = target.prepare(
      `insert into "${table}" (${columns.map((column) => `"${column}"`).join(", ")}) values (${columns.map(() => "?").join(", ")})`,
    );
    for (const row of rows) insert.run(...columns.map((column) => row[column] ?? null));
    count += rows.length;
  }
  target.exec("commit");
  await sql`close copied`.execute(from);
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(
    from,
  );
  if (rows[0]?.count !== count) throw new StoreError("failed");
}

/** Private from its first byte (0600, folder 0700), and at its place only when it is whole and on the disk. */
async function makingFile(to: string, make: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${to}.new`;
  const removeParts = () => {
    for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(`${partial}${end}`, { force: true });
  };
  try {
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    removeParts();
    closeSync(openSync(partial, "wx", 0o600));
    await make(partial);
    sync(partial);
    renameSync(partial, to);
    sync(dirname(to));
  } catch (error) {
    removeParts();
    throw toStoreError(error);
  }
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
