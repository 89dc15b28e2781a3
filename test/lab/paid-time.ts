import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { PATIENCE_MS } from "./namespace.ts";

/**
 * Days are the shortest time that can be bought, so the lab moves the end of an account's paid time in the office's SQLite
 * file, beside the running office; whoever calls this restarts it, so that it reads the account anew. `end` in seconds
 * since 1970.
 */
export function movePaidTime(databaseFile: string, name: string, end: number): void {
  // The office may be writing: its lock is waited for.
  const database = new DatabaseSync(databaseFile, { timeout: PATIENCE_MS });
  try {
    const { changes } = database.prepare("UPDATE accounts SET paid_until = ? WHERE name = ?").run(end, name);
    assert.equal(changes, 1);
  } finally {
    database.close();
  }
}
