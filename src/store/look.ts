import { existsSync, statSync } from "node:fs";
import { Kysely, sql } from "kysely";
import { StoreError, toStoreError } from "./errors.ts";
import { migrationNames, takenSteps } from "./migrations.ts";
import { OneWriterDialect, openPool } from "./postgres.ts";
import { toPostgresStoreError } from "./postgres-errors.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { openSqliteToRead, sqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

/** What `lethe doctor` says of the database. `bad`: an office cannot start on it. */
export interface StoreLook {
  state: "good" | "note" | "bad";
  found: string;
  remedy: string;
}

/** What keeps members' data out of the server's log (docs/operating.md). */
const QUIET = {
  log_statement: "none",
  log_min_duration_statement: "-1",
  log_parameter_max_length_on_error: "0",
};

/** Looks at the database without changing anything. Never rejects for what is the operator's to mend. */
export async function lookAtStore(where: { path: string } | { url: string }): Promise<StoreLook> {
  try {
    return "path" in where ? await lookAtFile(where.path) : await lookAtServer(where.url);
  } catch (error) {
    const known = "path" in where ? toStoreError(error) : toPostgresStoreError(error);
    if (!(known instanceof StoreError)) throw error;
    return { state: "bad", found: known.message, remedy: "see docs/operating.md" };
  }
}

async function lookAtFile(path: string): Promise<StoreLook> {
  if (!existsSync(path)) return { state: "good", found: "SQLite; the first start makes it", remedy: "" };
  const db = new Kysely<Tables>({ dialect: sqliteDialect(openSqliteToRead(path)) });
  try {
    return withSteps(await takenSteps(db), `SQLite, ${megabytes(statSync(path).size)} at ${path}`);
  } finally {
    await db.destroy();
  }
}

async function lookAtServer(url: string): Promise<StoreLook> {
  const address = parsePostgresUrl(url);
  if (address === undefined) throw new RangeError("url: postgres://…");
  const db = new Kysely<Tables>({ dialect: new OneWriterDialect(openPool(address)) });
  try {
    const { rows } = await sql<{ version: string; bytes: number }>`
      select current_setting('server_version') as version, pg_database_size(current_database()) as bytes`.execute(
      db,
    );
    const look = withSteps(
      await takenSteps(db),
      `PostgreSQL ${rows[0]?.version}, ${megabytes(rows[0]?.bytes ?? 0)}`,
    );
    if (look.state !== "good") return look;
    // As our sessions have them, which set what their role may.
    const { rows: settings } = await sql<{ name: string; setting: string }>`
      select name, setting from pg_settings where name = any(${Object.keys(QUIET)})`.execute(db);
    const loud = settings.filter(({ name, setting }) => QUIET[name as keyof typeof QUIET] !== setting);
    if (loud.length === 0) return look;
    const names = loud.map(({ name }) => name).join(", ");
    return {
      state: "note",
      found: `${look.found}; its log may get members' data: ${names}`,
      remedy: "docs/operating.md, PostgreSQL, has the settings",
    };
  } finally {
    await db.destroy();
  }
}

function withSteps(taken: string[], found: string): StoreLook {
  if (taken.some((step) => !migrationNames.includes(step))) throw new StoreError("newer-schema");
  const pending = migrationNames.length - taken.length;
  return taken.length === 0 || pending === 0
    ? { state: "good", found, remedy: "" }
    : {
        state: "note",
        found: `${found}; of an older version`,
        remedy: "the next start copies it and brings it up to date",
      };
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`;
