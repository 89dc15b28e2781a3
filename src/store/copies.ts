import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";

/**
 * Whole copies of the store that Lethe makes by itself, in the office's own `backups` folder: before the schema is changed
 * (`before-0003.db`), and of what a restore has put out of place (`before-restore.db`). They hold members who may have left since, so
 * they are deleted on time, like everything in the data inventory.
 */
export const COPIES_KEPT_DAYS = LIFETIMES.storeCopy.days;
/** For so long may the operator keep a backup that `lethe backup` made; `lethe restore` takes back no older one unasked. */
export const BACKUP_KEPT_DAYS = LIFETIMES.backup.days;
const KEPT_MS = COPIES_KEPT_DAYS * 86_400_000;
/** What is being made has another name; what a crash left of it goes after so long. */
const UNFINISHED_MS = 3_600_000;
const UNFINISHED = /(?:\.new(?:-journal|-wal|-shm)?|^snapshot-.*)$/;

/** The copy that is made before this step of the schema (`0003-site`). */
export const copyBefore = (folder: string, step: string): string =>
  join(folder, `before-${step.slice(0, 4)}.db`);

/** Deletes the copies whose time is over, and what a crash left half-made. To be called with the sweep. Returns how many. */
export function sweepCopies(folder: string, clock: Clock): number {
  if (!existsSync(folder)) return 0;
  let count = 0;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const age = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (age === undefined) continue;
    // Also one from a future that a clock set wrongly has told.
    const oldMs = Math.abs(clock.now() - age);
    if (oldMs <= (UNFINISHED.test(name) ? UNFINISHED_MS : KEPT_MS)) continue;
    rmSync(path, { recursive: true, force: true });
    count++;
  }
  return count;
}

/** What a restore has put out of place. */
export const replacedCopy = (folder: string): string => join(folder, "before-restore.db");
