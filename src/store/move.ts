import { createHash, type Hash } from "node:crypto";
import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { Kysely, sql, type Transaction } from "kysely";
import { StoreError, toStoreError } from "./errors.ts";
import { migrationNames, takenSteps } from "./migrations.ts";
import type { Store } from "./open.ts";
import { openSqliteToRead, sqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

/** Each table with its primary key; one that others refer to stands before them. */
const KEYS: { readonly [Name in keyof Tables]: readonly (keyof Tables[Name] & string)[] } = {
  accounts: ["id"],
  vouchers: ["code_hash"],
  servers: ["name"],
  server_services: ["server", "service"],
  server_health: ["server", "service"],
  traffic_slots: ["server", "slot"],
  traffic_hours: ["server", "hour"],
  site: ["name"],
  devices: ["id"],
  device_servers: ["device_id", "server"],
  payment_events: ["event_hash"],
  refunds_due: ["event_hash"],
  cash_orders: ["code_hash"],
  payer_hashes: ["hash"],
  mail_queue: ["id"],
  mail_marks: ["hash"],
  tickets: ["number"],
  ticket_messages: ["id"],
  announcements: ["id"],
};
const TABLES = Object.keys(KEYS) as (keyof Tables)[];
const BATCH_ROWS = 500;

export interface MovedTable {
  table: string;
  rows: number;
  /** SHA-256 over the rows in the order of their key, hex. */
  digest: string;
}

/** The store cannot be moved; the message is for the operator. */
export class MoveError extends Error {
  override name = "MoveError";
}

type Row = Record<string, string | number | null>;

/**
 * Copies the SQLite file at `from` into the store `to`, in one transaction: what is read back from there must be the same, row by
 * row, or nothing is changed. `to` is empty, or `replace` says that what it has goes. The file is only read. No office may run on
 * either. Throws MoveError, StoreError.
 */
export async function moveStore(from: string, to: Store, { replace = false } = {}): Promise<MovedTable[]> {
  const source = await openSource(from);
  try {
    return await to.db.transaction().execute(async (trx) => {
      if (replace) for (const table of TABLES.toReversed()) await trx.deleteFrom(table).execute();
      else if (!(await isEmpty(trx)))
        throw new MoveError("The database in store.url is not empty. Nothing was copied.");
      const moved: MovedTable[] = [];
      for (const table of TABLES) {
        await copy(source, trx, table);
        moved.push(await compare(source, trx, table));
      }
      return moved;
    });
  } finally {
    source.close();
  }
}

/** Whether no table has a row. */
export async function isEmpty(db: Kysely<Tables>): Promise<boolean> {
  for (const table of TABLES)
    if ((await db.selectFrom(table).select(sql`1`.as("one")).limit(1).execute()).length > 0) return false;
  return true;
}

/** The file as it is at one moment. A store of another version is refused: only this version's tables are known here. */
async function openSource(path: string): Promise<DatabaseSync> {
  if (!existsSync(path)) throw new MoveError(`There is no SQLite database at ${path}.`);
  try {
    const source = openSqliteToRead(path);
    try {
      source.exec("begin");
      const steps = await takenSteps(new Kysely<Tables>({ dialect: sqliteDialect(source) }));
      if (steps.some((name) => !migrationNames.includes(name))) throw new StoreError("newer-schema");
      if (steps.length < migrationNames.length)
        throw new MoveError(
          `The database at ${path} is of an older version. Start this version on it once, with an empty store.url, and stop it again.`,
        );
    } catch (error) {
      source.close();
      throw error;
    }
    return source;
  } catch (error) {
    throw toStoreError(error);
  }
}

async function copy(source: DatabaseSync, trx: Transaction<Tables>, table: keyof Tables): Promise<void> {
  let batch: Row[] = [];
  const insert = async () => {
    await trx
      .insertInto(table)
      .values(batch as never)
      .execute();
    batch = [];
  };
  for (const row of readSource(source, table)) {
    batch.push(row);
    if (batch.length === BATCH_ROWS) await insert();
  }
  if (batch.length > 0) await insert();
}

async function compare(
  source: DatabaseSync,
  trx: Transaction<Tables>,
  table: keyof Tables,
): Promise<MovedTable> {
  const digests = [createHash("sha256"), createHash("sha256")] as const;
  const before = readSource(source, table);
  let rows = 0;
  for await (const row of readTarget(trx, table)) {
    rows++;
    const original = before.next();
    if (original.done || addTo(digests[0], original.value) !== addTo(digests[1], row))
      throw new MoveError(`Row ${rows} of ${table} came out otherwise than it went in. Nothing was copied.`);
  }
  const [first, second] = digests.map((digest) => digest.digest("hex"));
  if (!before.next().done || first !== second || first === undefined)
    throw new MoveError(`Of ${table} only ${rows} rows arrived. Nothing was copied.`);
  return { table, rows, digest: first };
}

/** Adds one row, its columns in the order of their names, and returns what was added. */
function addTo(digest: Hash, row: Row): string {
  const text = JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  digest.update(`${text}\n`);
  return text;
}

function* readSource(source: DatabaseSync, table: keyof Tables): Generator<Row> {
  const rows = source.prepare(`select * from ${table} order by ${KEYS[table].join(", ")}`).iterate();
  for (const row of rows) yield { ...(row as Row) };
}

async function* readTarget(trx: Transaction<Tables>, table: keyof Tables): AsyncGenerator<Row> {
  const order = sql.join(KEYS[table].map((column) => sql.ref(column)));
  await sql`declare moved no scroll cursor for select * from ${sql.table(table)} order by ${order}`.execute(
    trx,
  );
  for (;;) {
    const { rows } = await sql<Row>`fetch ${sql.lit(BATCH_ROWS)} from moved`.execute(trx);
    if (rows.length === 0) break;
    yield* rows;
  }
  await sql`close moved`.execute(trx);
}
