import { createReadStream } from "node:fs";
import { keepCopies } from "../backup/keep-copies.ts";
import { type BackupOrder, makeBackup } from "../backup/make.ts";
import { backupSentence, loadIntoPostgres, takeBack } from "../backup/take-back.ts";
import { systemClock } from "../lib/clock.ts";
import { logFor, reasonOf } from "../lib/event-log.ts";
import { becomeUser } from "../lib/privileges.ts";
import type { UnixUser } from "../lib/unix-users.ts";
import { lookAtStore } from "../store/look.ts";

/**
 * The part of `lethe backup`, `lethe restore` and `lethe doctor` that reads the database and the backup's content: as the office's user, who owns
 * them and whom the database server knows. Forked by cli/backup.ts and cli/restore.ts, with the backup's file as descriptor 4.
 */
export type WorkerOrder =
  | ({ task: "make"; user: UnixUser } & BackupOrder)
  | {
      task: "open";
      user: UnixUser;
      /** Secret keys: over the channel, in no argument. */
      identities: string[];
      staging: string;
      keysOnly: boolean;
      evenOld: boolean;
    }
  | { task: "look"; user: UnixUser; path: string; url: string }
  | { task: "load"; user: UnixUser; staging: string; url: string; replace: boolean }
  | { task: "keep"; user: UnixUser; former: string; office: string };

export type WorkerAnswer = { done: unknown } | { failed: string };

export const BACKUP_FILE = 4;

async function work(order: WorkerOrder): Promise<unknown> {
  switch (order.task) {
    case "make":
      return makeBackup(order, BACKUP_FILE, systemClock);
    case "open":
      return takeBack({
        ...order,
        input: createReadStream("", { fd: BACKUP_FILE, autoClose: false }),
        clock: systemClock,
      });
    case "look":
      return lookAtStore(order.url === "" ? { path: order.path } : { url: order.url });
    case "load":
      return loadIntoPostgres(order);
    case "keep":
      return keepCopies(order);
  }
}

// Ctrl-C reaches the whole terminal: whoever forked us ends, and then what we have begun is taken away here.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

process.once("message", async (order: WorkerOrder) => {
  let answer: WorkerAnswer;
  try {
    becomeUser(order.user.uid, order.user.gid);
    answer = { done: await work(order) };
  } catch (error) {
    const sentence = backupSentence(error);
    if (sentence === undefined) logFor("store")("internal-error", { reason: reasonOf(error) });
    answer = { failed: sentence ?? "It failed for a reason that Lethe does not know. Nothing was changed." };
  }
  // Where whoever forked us is gone, there is nobody to tell.
  if (!process.send?.(answer, () => process.exit(0))) process.exit(0);
});
