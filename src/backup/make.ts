import { existsSync, mkdirSync, mkdtempSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { copyStore } from "../store/snapshot.ts";
import { type ArchiveFile, writeArchive } from "./archive.ts";
import { BackupError } from "./backup-error.ts";
import {
  DATABASE,
  fileOf,
  MANIFEST,
  type Manifest,
  OFFICE,
  officeFiles,
  SETTINGS,
  SHARED_KEYS,
  textOf,
} from "./contents.ts";
import { encrypt } from "./encryption.ts";

export interface BackupOrder {
  kind: Manifest["kind"];
  officeFolder: string;
  /** The text of lethe.toml. */
  settings: string;
  /** `store.url`; empty for the SQLite file in the office's folder. */
  url: string;
  /** age recipients, `age1…`. */
  recipients: readonly string[];
}

export interface BackupMade {
  bytes: number;
  /** Keys that are not in the folder (systemd gives them), and so not in the backup. */
  absent: string[];
}

/**
 * Writes a backup to `output`, an open file. The database is copied as it is at one moment, running or stopped, into a folder of
 * the office's own, which is gone when this resolves or rejects. Throws BackupError, StoreError, the file system's error.
 */
export async function makeBackup(order: BackupOrder, output: number, clock: Clock): Promise<BackupMade> {
  const { kind, officeFolder, url, recipients } = order;
  if (!existsSync(officeFolder)) throw new BackupError(`There is no office in ${officeFolder} yet.`);
  const backups = join(officeFolder, "backups");
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  // Swept where we are killed (store/copies.ts).
  const place = mkdtempSync(join(backups, "snapshot-"));
  try {
    const database = join(place, DATABASE);
    if (kind === "whole") {
      const path = join(officeFolder, DATABASE);
      if (url === "" && !existsSync(path)) throw new BackupError(`There is no database at ${path}.`);
      await copyStore(url === "" ? { path } : { url }, database);
    }
    const encrypted = await encrypt(recipients, writeArchive(filesOf(order, database, clock)));
    let bytes = 0;
    for await (const chunk of encrypted) {
      for (let at = 0; at < chunk.length; ) at += writeSync(output, chunk, at);
      bytes += chunk.length;
    }
    return { bytes, absent: SHARED_KEYS.filter((name) => !existsSync(join(officeFolder, name))) };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function* filesOf(order: BackupOrder, database: string, clock: Clock): Generator<ArchiveFile> {
  const { kind, officeFolder, settings } = order;
  const manifest: Manifest = { format: "lethe backup 1", madeAt: Math.floor(clock.now() / 1000), kind };
  yield textOf(MANIFEST, JSON.stringify(manifest));
  if (kind === "whole") yield textOf(SETTINGS, settings);
  for (const name of officeFiles(officeFolder, kind))
    yield fileOf(`${OFFICE}${name}`, join(officeFolder, name));
  if (kind === "whole") yield fileOf(DATABASE, database);
}
