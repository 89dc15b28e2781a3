import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { SqliteAdapter, type SqliteDatabase, SqliteDialect } from "kysely";
import { toStoreError } from "./errors.ts";

/**
 * Kysely's SqliteDialect over node:sqlite. Kysely hands out this one connection to one query or transaction at a time, so
 * transactions never overlap. `begin` becomes `begin immediate`: a transaction holds the write lock from its first
 * statement and can not fail half-way because another process wrote in between (https://www.sqlite.org/isolation.html).
 */
export function sqliteDialect(database: DatabaseSync): SqliteDialect {
  const adapter: SqliteDatabase = {
    close: () => translated(() => database.close()),
    prepare: (sql) => {
      const statement = translated(() => database.prepare(sql === "begin" ? "begin immediate" : sql));
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => translated(() => statement.all(...values(parameters))),
        run: (parameters) => {
          // A full disk ends the transaction by itself (https://www.sqlite.org/lang_transaction.html, "Response To Errors
          // Within A Transaction"); Kysely would then report that there is none to roll back instead of the full disk.
          if (sql === "rollback" && !database.isTransaction) return { changes: 0, lastInsertRowid: 0 };
          return translated(() => statement.run(...values(parameters)));
        },
        iterate: (parameters) => translated(() => statement.iterate(...values(parameters))),
      };
    },
  };
  return new TransactionalDialect({ database: adapter });
}

/**
 * SQLite changes tables inside transactions as well (https://www.sqlite.org/lang_transaction.html); Kysely does not use it, so that a
 * migration may switch foreign keys off. Ours never do, and one that ends half-way must leave nothing behind.
 */
class TransactionalDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): true {
    return true;
  }
}

/** How long a connection waits for another's lock: also a reader's, which is locked out while the last writer closes. */
export const BUSY_TIMEOUT_MS = 5000;

/** Another process's store, to be read from. Throws what SQLite throws. */
export function openSqliteToRead(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
}

/**
 * Opens the file so that what is committed survives a power cut (WAL, synchronous=FULL) and what is deleted leaves no
 * byte: freed content is overwritten with zeros (secure_delete), temporary tables stay in memory.
 */
export function openSqlite(path: string, busyTimeoutMs: number): DatabaseSync {
  return translated(() => {
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
    try {
      database.exec(`
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA secure_delete = ON;
        PRAGMA temp_store = MEMORY;
      `);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

function translated<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error);
  }
}
