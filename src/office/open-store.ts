import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { isEmpty } from "../store/move.ts";
import { openStore, type Store } from "../store/open.ts";
import { OfficeStartError } from "./start-errors.ts";

/** SQLite, or PostgreSQL where `url` says so; an empty one beside a full file is most likely a forgotten move. */
export async function openOfficeStore(url: string, path: string): Promise<Store> {
  if (url === "") return openStore({ path });
  const store = await openStore({ url, backups: join(dirname(path), "backups") });
  if (!existsSync(path) || !(await isEmpty(store.db))) return store;
  await store.close();
  throw new OfficeStartError(
    `The database of store.url is empty, and ${path} is still there. \`lethe store move\` copies it; to start empty, move the file away.`,
  );
}
