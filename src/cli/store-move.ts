import { existsSync } from "node:fs";
import { join } from "node:path";
import { becomeUser } from "../lib/privileges.ts";
import { dataFolder } from "../office/folders.ts";
import { ensureUsers } from "../office/users.ts";
import { StoreError } from "../store/errors.ts";
import { type MovedTable, MoveError, moveStore } from "../store/move.ts";
import { openStore, type Store } from "../store/open.ts";
import { askSupervisor } from "./lock.ts";
import { readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";

/**
 * `lethe store move`: copies the office's SQLite file into the PostgreSQL database of store.url. As root it runs as the office's
 * user, who owns the file and whom the database server knows. Throws StartError in the operator's words.
 */
export async function moveToPostgres(data: string): Promise<{ moved: MovedTable[]; text: string }> {
  const { config, office, supervisorSocket } = dataFolder(data);
  const { url } = readConfig(config).store;
  if (url === "")
    throw new StartError(
      `Set store.url in ${config} to the PostgreSQL database first; the SQLite file is copied there.`,
    );
  if (await askSupervisor(supervisorSocket, { command: "status" }))
    throw new StartError(`Lethe is running on ${data}. Stop it first (lethe stop), so that nothing changes.`);
  const path = join(office, "lethe.db");
  // Before anything is made in the database.
  if (!existsSync(path)) throw new StartError(`There is no SQLite database at ${path}.`);
  const { uid, gid } = ensureUsers(() => undefined).office;
  becomeUser(uid, gid);
  let store: Store | undefined;
  let moved: MovedTable[];
  try {
    store = await openStore({ url });
    moved = await moveStore(path, store);
  } catch (error) {
    if (error instanceof MoveError || error instanceof StoreError) throw new StartError(error.message);
    throw error;
  } finally {
    await store?.close();
  }
  const lines = moved.map(
    ({ table, rows, digest }) =>
      `  ${table.padEnd(16)}${String(rows).padStart(9)} rows  SHA-256 ${digest.slice(0, 16)}…`,
  );
  lines.push(
    "Copied, read back and compared row by row. Start Lethe: it now uses PostgreSQL.",
    `${path} is as it was: delete it when you no longer need it; it holds every member of today.`,
  );
  return { moved, text: lines.join("\n") };
}
