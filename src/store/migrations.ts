import { type Kysely, Migrator, sql } from "kysely";
import { StoreError } from "./errors.ts";
import type { Tables } from "./tables.ts";

/**
 * Every change of the schema, oldest first. One that has been released is never edited: the next change is a new one.
 * Only types and words that SQLite and PostgreSQL share (bigint for times, integer 0/1 for yes and no).
 */
const migrations: Record<string, { up(db: Kysely<unknown>): Promise<void> }> = {
  "0001-first": {
    async up(db) {
      await db.schema
        .createTable("accounts")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull().unique())
        .addColumn("password_hash", "text", (column) => column.notNull())
        .addColumn("email", "text")
        .addColumn("paid_until", "bigint")
        .addColumn("terminated", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .addColumn("vpn_salt", "text", (column) => column.notNull())
        .addColumn("vpn_tag", "text", (column) => column.notNull().unique())
        .execute();
      await db.schema
        .createTable("vouchers")
        .addColumn("code_hash", "text", (column) => column.primaryKey())
        .addColumn("days", "integer", (column) => column.notNull())
        .addColumn("used", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("delete_after", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("servers")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("host", "text", (column) => column.notNull())
        .addColumn("city", "text", (column) => column.notNull())
        .addColumn("country", "text", (column) => column.notNull())
        .addColumn("country_code", "text", (column) => column.notNull())
        .addColumn("latitude", "double precision", (column) => column.notNull())
        .addColumn("longitude", "double precision", (column) => column.notNull())
        .addColumn("bandwidth_mbit", "double precision", (column) => column.notNull())
        .addColumn("addresses", "text", (column) => column.notNull())
        .addColumn("services", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("server_services")
        .addColumn("server", "text", (column) =>
          column.notNull().references("servers.name").onDelete("cascade"),
        )
        .addColumn("service", "text", (column) => column.notNull())
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
          .addColumn("server", "text", (column) =>
            column.notNull().references("servers.name").onDelete("cascade"),
          )
          .addColumn(time, "bigint", (column) => column.notNull())
          .addColumn("in_percent", "integer", (column) => column.notNull())
          .addColumn("out_percent", "integer", (column) => column.notNull())
          .addPrimaryKeyConstraint(`${table}_key`, ["server", time])
          .execute();
      }
      await db.schema.createIndex("accounts_paid_until").on("accounts").column("paid_until").execute();
    },
  },
};

/** Brings the schema up to date and returns how many steps that took. Throws StoreError "newer-schema". */
export async function migrate(db: Kysely<Tables>): Promise<number> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (tables.some((table) => table.name === "kysely_migration")) {
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
    if (rows.some(({ name }) => migrations[name] === undefined)) throw new StoreError("newer-schema");
  }
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return results.length;
}
