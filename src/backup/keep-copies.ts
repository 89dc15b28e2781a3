import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { replacedCopy } from "../store/copies.ts";

/**
 * What of the former office's folder holds members goes where the sweeper deletes it on time: into the folder of the office that
 * takes its place. To be run as the office's user: both folders are that user's, and what stands there as a link may lead anywhere.
 */
export function keepCopies({ former, office }: { former: string; office: string }): void {
  const backups = join(office, "backups");
  const now = Date.now() / 1000;
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  for (const name of readdirOf(join(former, "backups")))
    if (!existsSync(join(backups, name))) renameSync(join(former, "backups", name), join(backups, name));
  rmSync(join(former, "backups"), { recursive: true, force: true });
  for (const end of ["", "-wal", "-shm"]) {
    const database = join(former, `lethe.db${end}`);
    if (!existsSync(database)) continue;
    const to = `${replacedCopy(backups)}${end}`;
    renameSync(database, to);
    utimesSync(to, now, now);
  }
}

const readdirOf = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
