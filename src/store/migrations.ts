import { type Kysely, Migrator, PostgresAdapter, type RawBuilder, sql } from "kysely";
import { goesAfter } from "../policy/lifetimes.ts";
import { StoreError, UpgradeError } from "./errors.ts";
import type { Tables } from "./tables.ts";

const onPostgres = (db: Kysely<unknown>): boolean => db.getExecutor().adapter instanceof PostgresAdapter;

/**
 * Text that is compared byte by byte on both: PostgreSQL would else go by the database's language, which sorts otherwise after
 * an upgrade of the system's libraries and breaks indexes.
 */
const textOf = (db: Kysely<unknown>) => (onPostgres(db) ? sql`text collate "C"` : "text");

/**
 * PostgreSQL's ANALYZE copies sample values of each column into a table of its own, where a deleted member's would outlive
 * them: none of these. (They are looked up by unique keys; the planner needs no samples for it.)
 */
async function withoutSamples(db: Kysely<unknown>, table: string, columns: string[]): Promise<void> {
  if (!onPostgres(db)) return;
  for (const column of columns)
    await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} set statistics 0`.execute(db);
}

async function toMonths(db: Kysely<unknown>, table: string, which: RawBuilder<unknown>): Promise<void> {
  const days = await sql<{
    day: number;
  }>`select distinct delete_after as day from ${sql.table(table)} where ${which}`.execute(db);
  for (const { day } of days.rows)
    await sql`update ${sql.table(table)} set delete_after = ${goesAfter(day, -1)} where delete_after = ${day} and (${which})`.execute(
      db,
    );
}

/** By name, which they are in the order of. */
export type Steps = Record<string, { up(db: Kysely<unknown>): Promise<void> }>;

/**
 * Every change of the schema, oldest first. One that has been released is never edited: the next change is a new one.
 * Only types and words that SQLite and PostgreSQL share (bigint for times, integer 0/1 for yes and no, `textOf`).
 */
export const migrations: Steps = {
  "0001-first": {
    async up(db) {
      const text = textOf(db);
      await db.schema
        .createTable("accounts")
        .addColumn("id", text, (column) => column.primaryKey())
        .addColumn("name", text, (column) => column.notNull().unique())
        .addColumn("password_hash", text, (column) => column.notNull())
        .addColumn("email", text)
        .addColumn("paid_until", "bigint")
        .addColumn("terminated", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .addColumn("vpn_salt", text, (column) => column.notNull())
        .addColumn("vpn_tag", text, (column) => column.notNull().unique())
        .execute();
      await db.schema
        .createTable("vouchers")
        .addColumn("code_hash", text, (column) => column.primaryKey())
        .addColumn("days", "integer", (column) => column.notNull())
        .addColumn("used", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("servers")
        .addColumn("name", text, (column) => column.primaryKey())
        .addColumn("host", text, (column) => column.notNull())
        .addColumn("city", text, (column) => column.notNull())
        .addColumn("country", text, (column) => column.notNull())
        .addColumn("country_code", text, (column) => column.notNull())
        .addColumn("latitude", "double precision", (column) => column.notNull())
        .addColumn("longitude", "double precision", (column) => column.notNull())
        .addColumn("bandwidth_mbit", "double precision", (column) => column.notNull())
        .addColumn("addresses", text, (column) => column.notNull())
        .addColumn("services", text, (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("server_services")
        .addColumn("server", text, (column) =>
          column.notNull().references("servers.name").onDelete("cascade"),
        )
        .addColumn("service", text, (column) => column.notNull())
        .addColumn("healthy", "integer", (column) => column.notNull())
        .addColumn("slot", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("server_services_key", ["server", "service"])
        .execute();
      for (const [table, time] of [
        ["traffic_slots", "slot"],
        ["traffic_hours", "hour"],
      ] as const) {
        await db.schema
          .createTable(table)
          .addColumn("server", text, (column) =>
            column.notNull().references("servers.name").onDelete("cascade"),
          )
          .addColumn(time, "bigint", (column) => column.notNull())
          .addColumn("in_percent", "integer", (column) => column.notNull())
          .addColumn("out_percent", "integer", (column) => column.notNull())
          .addPrimaryKeyConstraint(`${table}_key`, ["server", time])
          .execute();
      }
      await db.schema.createIndex("accounts_paid_until").on("accounts").column("paid_until").execute();
      const ofMembers = ["id", "name", "password_hash", "email", "vpn_salt", "vpn_tag"];
      await withoutSamples(db, "accounts", ofMembers);
      await withoutSamples(db, "vouchers", ["code_hash"]);
    },
  },
  "0002-fleet": {
    async up(db) {
      const text = textOf(db);
      const servers = () => db.schema.alterTable("servers");
      await servers()
        .addColumn("origin", text, (column) => column.notNull().defaultTo("office:"))
        .execute();
      await servers()
        .addColumn("link_name", text, (column) => column.notNull().defaultTo(""))
        .execute();
      await sql`update servers set link_name = name`.execute(db);
      await servers().addColumn("nkey", text).execute();
      await servers()
        .addColumn("state", text, (column) => column.notNull().defaultTo("active"))
        .execute();
      await servers()
        .addColumn("generation", "integer", (column) => column.notNull().defaultTo(1))
        .execute();
      await servers()
        .addColumn("groups", text, (column) => column.notNull().defaultTo("[]"))
        .execute();
      for (const column of ["listens", "release", "enrolment_id"])
        await servers().addColumn(column, text).execute();
      await servers().addColumn("enrolment_expires", "bigint").execute();
      await db.schema
        .createTable("server_health")
        .addColumn("server", text, (column) =>
          column.notNull().references("servers.name").onDelete("cascade"),
        )
        .addColumn("service", text, (column) => column.notNull())
        .addColumn("minute", "bigint", (column) => column.notNull())
        .addColumn("healthy", "integer", (column) => column.notNull())
        .addColumn("release", text, (column) => column.notNull())
        .addColumn("upgrade_failed", "integer", (column) => column.notNull().defaultTo(0))
        .addPrimaryKeyConstraint("server_health_key", ["server", "service"])
        .execute();
    },
  },
  "0003-site": {
    async up(db) {
      const text = textOf(db);
      await db.schema
        .createTable("site")
        .addColumn("name", text, (column) => column.primaryKey())
        .addColumn("value", text, (column) => column.notNull())
        .execute();
    },
  },
  "0004-devices": {
    async up(db) {
      const text = textOf(db);
      await db.schema
        .createTable("devices")
        .addColumn("id", text, (column) => column.primaryKey())
        .addColumn("account_id", text, (column) =>
          column.notNull().references("accounts.id").onDelete("cascade"),
        )
        .addColumn("public_key", text, (column) => column.notNull().unique())
        .addColumn("address_index", "integer", (column) => column.notNull().unique())
        .addColumn("name", text)
        .execute();
      await db.schema
        .createTable("device_servers")
        .addColumn("device_id", text, (column) =>
          column.notNull().references("devices.id").onDelete("cascade"),
        )
        .addColumn("server", text, (column) =>
          column.notNull().references("servers.name").onDelete("cascade"),
        )
        .addPrimaryKeyConstraint("device_servers_key", ["device_id", "server"])
        .execute();
      await db.schema.createIndex("devices_account").on("devices").column("account_id").execute();
      await db.schema.createIndex("device_servers_server").on("device_servers").column("server").execute();
      await withoutSamples(db, "devices", ["id", "account_id", "public_key", "address_index", "name"]);
      await withoutSamples(db, "device_servers", ["device_id"]);
    },
  },
  "0005-server-numbers": {
    async up(db) {
      await db.schema.alterTable("servers").addColumn("number", "integer").execute();
      const servers = await sql<{ name: string }>`select name from servers order by name`.execute(db);
      for (const [index, { name }] of servers.rows.entries())
        await sql`update servers set number = ${index + 1} where name = ${name}`.execute(db);
      // Unique, and null only while a row is being moved to another name.
      await db.schema.createIndex("servers_number").unique().on("servers").column("number").execute();
    },
  },
  "0006-server-identity": {
    async up(db) {
      await db.schema.alterTable("servers").addColumn("identity", textOf(db)).execute();
    },
  },
  "0007-business": {
    async up(db) {
      const text = textOf(db);
      for (const column of ["email_verified", "renews"])
        await db.schema
          .alterTable("accounts")
          .addColumn(column, "integer", (made) => made.notNull().defaultTo(0))
          .execute();
      await db.schema.alterTable("vouchers").addColumn("percent", "integer").execute();
      await db.schema
        .alterTable("vouchers")
        .addColumn("uses_left", "integer", (column) => column.notNull().defaultTo(1))
        .execute();
      await db.schema.alterTable("vouchers").addColumn("plan", text).execute();
      await db.schema
        .createTable("payment_events")
        .addColumn("event_hash", text, (column) => column.primaryKey())
        .addColumn("sealed", text, (column) => column.notNull())
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("cash_orders")
        .addColumn("code_hash", text, (column) => column.primaryKey())
        .addColumn("plan", text, (column) => column.notNull())
        .addColumn("days", "integer", (column) => column.notNull())
        .addColumn("amount_minor", "bigint", (column) => column.notNull())
        .addColumn("currency", text, (column) => column.notNull())
        .addColumn("sealed", text, (column) => column.notNull())
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .execute();
      for (const table of ["payer_hashes", "mail_marks"])
        await db.schema
          .createTable(table)
          .addColumn("hash", text, (column) => column.primaryKey())
          .addColumn("delete_after", "bigint", (column) => column.notNull())
          .execute();
      await db.schema
        .createTable("mail_queue")
        .addColumn("id", text, (column) => column.primaryKey())
        .addColumn("sealed", text, (column) => column.notNull())
        .addColumn("not_before", "bigint", (column) => column.notNull())
        .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("tickets")
        .addColumn("number", text, (column) => column.primaryKey())
        .addColumn("recipient", text, (column) => column.notNull())
        .addColumn("state", text, (column) => column.notNull().defaultTo("open"))
        .addColumn("opened_day", "bigint", (column) => column.notNull())
        .addColumn("closed_day", "bigint")
        .addColumn("email_sealed", text)
        .addColumn("delete_after", "bigint")
        .execute();
      await db.schema
        .createTable("ticket_messages")
        .addColumn("id", text, (column) => column.primaryKey())
        .addColumn("ticket", text, (column) =>
          column.notNull().references("tickets.number").onDelete("cascade"),
        )
        .addColumn("seq", "integer", (column) => column.notNull())
        .addColumn("from_operator", "integer", (column) => column.notNull())
        .addColumn("body", text, (column) => column.notNull())
        .addColumn("day", "bigint", (column) => column.notNull())
        .addUniqueConstraint("ticket_messages_seq", ["ticket", "seq"])
        .execute();
      await db.schema
        .createTable("announcements")
        .addColumn("id", text, (column) => column.primaryKey())
        .addColumn("day", "bigint", (column) => column.notNull())
        .addColumn("title", text, (column) => column.notNull())
        .addColumn("body", text, (column) => column.notNull())
        .addColumn("delete_after", "bigint")
        .execute();
      await withoutSamples(db, "payment_events", ["event_hash", "sealed"]);
      await withoutSamples(db, "cash_orders", ["code_hash", "sealed"]);
      await withoutSamples(db, "payer_hashes", ["hash"]);
      await withoutSamples(db, "mail_marks", ["hash"]);
      await withoutSamples(db, "mail_queue", ["id", "sealed"]);
      await withoutSamples(db, "tickets", ["number", "recipient", "email_sealed"]);
      await withoutSamples(db, "ticket_messages", ["id", "ticket", "body"]);
    },
  },
  "0008-blocked": {
    async up(db) {
      await db.schema.alterTable("servers").addColumn("blocked", textOf(db)).execute();
    },
  },
  "0009-email-lookup": {
    async up(db) {
      // Whoever forgot a password gives the address alone: without it each time all accounts would be read.
      await sql`create index accounts_email on accounts (lower(email))`.execute(db);
      // PostgreSQL keeps samples of an index's expressions, too (ALTER INDEX, "SET STATISTICS").
      if (onPostgres(db)) await sql`alter index accounts_email alter column 1 set statistics 0`.execute(db);
    },
  },
  "0010-refunds-due": {
    async up(db) {
      const text = textOf(db);
      await db.schema.alterTable("accounts").addColumn("taken_back", text).execute();
      await db.schema
        .createTable("refunds_due")
        .addColumn("event_hash", text, (column) => column.primaryKey())
        .addColumn("sealed", text, (column) => column.notNull())
        .addColumn("not_before", "bigint", (column) => column.notNull())
        .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .execute();
      await withoutSamples(db, "accounts", ["taken_back"]);
      await withoutSamples(db, "refunds_due", ["event_hash", "sealed"]);
    },
  },
  "0011-months-not-days": {
    async up(db) {
      // What was written before says the day of a payment; from here on all of it says the month. Vouchers that nobody has bought or
      // used say the day on which the operator made them, and until when they are good.
      await toMonths(db, "payment_events", sql`1 = 1`);
      await toMonths(db, "payer_hashes", sql`1 = 1`);
      await toMonths(db, "vouchers", sql`used = 1 or (percent is null and plan is not null)`);
    },
  },
  "0012-which-subscription": {
    async up(db) {
      await db.schema.alterTable("accounts").addColumn("subscription_hash", textOf(db)).execute();
      await withoutSamples(db, "accounts", ["subscription_hash"]);
    },
  },
};

/** The steps that this version knows, oldest first. */
export const migrationNames: readonly string[] = Object.keys(migrations);

/** Any number; never to be changed. */
const MIGRATION_LOCK = 5_126_871_004;

export interface MigrateOptions {
  /** Called before an existing database is changed, with the first step that it has not taken; where it rejects, nothing is. */
  before?: (firstStep: string) => Promise<void>;
  /** Other steps than this version's; for tests. */
  steps?: Steps | undefined;
}

/**
 * Brings the schema up to date and returns how many steps that took: all of them, or none. Of several offices that start on one
 * PostgreSQL database at one time one does it, and the others wait for it. Throws StoreError "newer-schema", "upgrade-failed".
 */
export async function migrate(db: Kysely<Tables>, options: MigrateOptions = {}): Promise<number> {
  if (!onPostgres(db as Kysely<unknown>)) return migrateAlone(db, options);
  return db.connection().execute(async (connection) => {
    await sql`set lock_timeout = 0`.execute(connection);
    await sql`select pg_advisory_lock(${sql.lit(MIGRATION_LOCK)})`.execute(connection);
    try {
      return await migrateAlone(connection, options);
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(MIGRATION_LOCK)})`.execute(connection);
      await sql`reset lock_timeout`.execute(connection);
    }
  });
}

async function migrateAlone(
  db: Kysely<Tables>,
  { before, steps = migrations }: MigrateOptions,
): Promise<number> {
  const taken = await takenSteps(db);
  if (taken.some((name) => steps[name] === undefined)) throw new StoreError("newer-schema");
  const first = Object.keys(steps).find((name) => !taken.includes(name));
  if (first === undefined) return 0;
  const existing = taken.length > 0;
  try {
    if (existing) await before?.(first);
    // In one transaction, all steps together, on both kinds.
    const { error, results = [] } = await migratorOf(db, steps).migrateToLatest();
    if (error !== undefined) throw error;
    return results.length;
  } catch (error) {
    throw existing ? new UpgradeError(error) : error;
  }
}

/** The schema as `step` left it, in an empty database. */
export async function migrateTo(db: Kysely<Tables>, step: string): Promise<void> {
  const { error } = await migratorOf(db, migrations).migrateTo(step);
  if (error !== undefined) throw error;
}

const migratorOf = (db: Kysely<Tables>, steps: Steps): Migrator =>
  new Migrator({ db, provider: { getMigrations: async () => steps } });

/** The steps that this database has taken, in their order; none where it is new. */
export async function takenSteps(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === "kysely_migration")) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}
