import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { sql } from "kysely";
import type { Clock } from "../lib/clock.ts";
import { BACKUP_KEPT_DAYS, replacedCopy } from "../store/copies.ts";
import { StoreError } from "../store/errors.ts";
import { sweep } from "../store/inventory.ts";
import { isEmpty, MoveError, moveStore } from "../store/move.ts";
import { openStore, type Store } from "../store/open.ts";
import { raiseVersionFloor } from "../store/site.ts";
import { copyStore } from "../store/snapshot.ts";
import { readArchive } from "./archive.ts";
import { BackupError } from "./backup-error.ts";
import {
  DATABASE,
  MANIFEST,
  type Manifest,
  OFFICE,
  parseManifest,
  SETTINGS,
  SHARED_KEYS,
} from "./contents.ts";
import { decrypt } from "./encryption.ts";

/** How far ahead of the clock the roster's versions go on: above all that was given since the backup, by clocks that were off too. */
const VERSIONS_AHEAD_MS = 24 * 3_600_000;
const DAY_S = 86_400;

export interface TakenBack {
  manifest: Manifest;
  /** The text of the backup's lethe.toml; undefined in one of keys alone. */
  settings: string | undefined;
  /** What it holds, and how many rows were overdue and have been deleted. */
  accounts: number;
  dropped: number;
}

/**
 * Opens a backup into the empty folder `staging`: `office/` as it is to be put in place, with a database that is brought up to date,
 * is rid of what the inventory says is over, and goes on above every roster version given. Nothing else is touched. Throws
 * BackupError, StoreError, the file system's error; `staging` is to be removed then.
 */
export async function takeBack(options: {
  input: AsyncIterable<Uint8Array>;
  identities: readonly string[];
  staging: string;
  /** Of a whole backup, take the keys alone that all offices share. */
  keysOnly: boolean;
  /** Take one that is older than backups may be kept. */
  evenOld: boolean;
  clock: Clock;
}): Promise<TakenBack> {
  const { staging, keysOnly, clock } = options;
  const manifest = await unpack(options);
  checkAge(manifest, options.evenOld, clock);
  if (!keysOnly && manifest.kind === "keys")
    throw new BackupError("This holds keys alone, no database: take it back with --keys-only.");
  const missing = SHARED_KEYS.slice(0, 3).filter((name) => !existsSync(join(staging, OFFICE, name)));
  if (keysOnly) {
    if (missing.length > 0) throw new BackupError(`The backup does not hold ${missing.join(", ")}.`);
    return { manifest, settings: undefined, accounts: 0, dropped: 0 };
  }
  const path = join(staging, OFFICE, DATABASE);
  if (!existsSync(path)) throw new BackupError("This is no backup of Lethe's. Nothing was changed.");
  const rows = await prepareDatabase(path, clock);
  return { manifest, settings: readFileSync(join(staging, SETTINGS), "utf8"), ...rows };
}

async function unpack(options: Parameters<typeof takeBack>[0]): Promise<Manifest> {
  const { input, identities, staging, keysOnly } = options;
  let manifest: Manifest | undefined;
  for await (const { name, content } of readArchive(decrypt(identities, input))) {
    const to = placeOf(name, keysOnly);
    if (to === undefined) for await (const _ of content);
    else {
      const path = join(staging, to);
      if (existsSync(path)) throw new BackupError("This is no backup of Lethe's. Nothing was changed.");
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      await pipeline(content, createWriteStream(path, { flags: "wx", mode: 0o600, flush: true }));
    }
    if (manifest !== undefined) continue;
    manifest = name === MANIFEST ? parseManifest(readFileSync(join(staging, MANIFEST), "utf8")) : undefined;
    if (manifest === undefined)
      throw new BackupError("This is no backup that this version of Lethe knows. Nothing was changed.");
  }
  if (manifest === undefined) throw new BackupError("This is no backup of Lethe's. Nothing was changed.");
  return manifest;
}

/** Where a file of the archive goes in the staging folder; undefined: nowhere. */
function placeOf(name: string, keysOnly: boolean): string | undefined {
  if (name === MANIFEST) return name;
  if (keysOnly) return SHARED_KEYS.some((key) => name === `${OFFICE}${key}`) ? name : undefined;
  if (name === DATABASE) return `${OFFICE}${DATABASE}`;
  if (name === SETTINGS) return name;
  return name.startsWith(OFFICE) && !name.startsWith(`${OFFICE}${DATABASE}`) ? name : undefined;
}

function checkAge({ madeAt }: Manifest, evenOld: boolean, clock: Clock): void {
  const ageS = Math.floor(clock.now() / 1000) - madeAt;
  const day = new Date(madeAt * 1000).toISOString().slice(0, 10);
  if (ageS < -3600)
    throw new BackupError(`This backup is of ${day}, which is still to come: set the clock right first.`);
  if (ageS > BACKUP_KEPT_DAYS * DAY_S && !evenOld)
    throw new BackupError(
      `This backup is of ${day}, older than the ${BACKUP_KEPT_DAYS} days that your privacy page promises: members who have left since would be back. ` +
        "If there is no other, --even-old takes it. Nothing was changed.",
    );
}

async function prepareDatabase(path: string, clock: Clock): Promise<{ accounts: number; dropped: number }> {
  const store = await openStore({ path });
  try {
    const { rows } = await sql`select 1 from sqlite_schema where type in ('trigger', 'view')`.execute(
      store.db,
    );
    if (rows.length > 0) throw new BackupError("This backup's database is not one of Lethe's.");
    const dropped = await sweep(store, clock);
    await raiseVersionFloor(store, (floor) => Math.max(floor, clock.now()) + VERSIONS_AHEAD_MS);
    const counted = await store.db
      .selectFrom("accounts")
      .select((expression) => expression.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    return { accounts: Number(counted.count), dropped };
  } finally {
    await store.close();
    // Of an older version: the copy that was made before it was brought up to date.
    rmSync(join(dirname(path), "backups"), { recursive: true, force: true });
  }
}

/**
 * Puts the prepared database into PostgreSQL, in one transaction, and takes its file away. What the database held is copied to the
 * office's backups first where `replace` says that it goes. Throws BackupError, StoreError.
 */
export async function loadIntoPostgres(options: {
  staging: string;
  url: string;
  replace: boolean;
}): Promise<void> {
  const { staging, url, replace } = options;
  const office = join(staging, OFFICE);
  let store: Store | undefined;
  try {
    store = await openStore({ url });
    const empty = await isEmpty(store.db);
    if (!empty && !replace)
      throw new BackupError(
        "The database of store.url is not empty: --force puts the backup in its place. Nothing was changed.",
      );
    if (!empty) await copyStore({ url }, replacedCopy(join(office, "backups")));
    await moveStore(join(office, DATABASE), store, { replace });
    await store.scrub();
  } catch (error) {
    if (error instanceof MoveError) throw new BackupError(error.message);
    throw error;
  } finally {
    await store?.close();
  }
  for (const name of readdirSync(office)) if (name.startsWith(DATABASE)) rmSync(join(office, name));
}

/** The operator's sentence for what went wrong; undefined where it is a mistake of ours. */
export function backupSentence(error: unknown): string | undefined {
  if (error instanceof BackupError || error instanceof StoreError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return "The disk is full. Nothing was changed.";
  if (code === "EROFS" || code === "EACCES" || code === "EPERM")
    return "A file cannot be read or written here: read-only, or somebody else's. Nothing was changed.";
  if (code === "EIO") return "The disk answers with errors. Nothing was changed.";
  return undefined;
}
