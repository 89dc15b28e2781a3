import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const SQLITE_BUSY = 5;
/** What is held, so that it stays so though nobody keeps the answer: a database that nothing refers to is closed, its lock with it. */
const held = new Set<DatabaseSync>();

/**
 * Holds the file at `path` (made where it is not there, 0600: who may open it could hold it against us) for this process
 * alone. Undefined where another one holds it. The kernel lets go when the process ends, however it ends: Node has no
 * flock(2), SQLite's lock on an empty database is the same. Throws the file system's error.
 */
export function holdFile(path: string): { release(): void } | undefined {
  closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written, and nothing may have to be: not even an empty journal, which a full disk has no room for.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return undefined;
    throw error;
  }
  held.add(database);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}
