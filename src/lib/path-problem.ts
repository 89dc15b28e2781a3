import { spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { findProgram, SCRUBBED_ENVIRONMENT } from "./run-command.ts";
import type { UnixUser } from "./unix-users.ts";

/** Why a path that somebody named cannot be used, in words for them. */

const REASONS: Record<string, string> = {
  ENOENT: "it does not exist",
  EROFS: "it is on a read-only file system",
  EACCES: "this user may not use it",
  EPERM: "this user may not use it",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "a part of that path is a file, not a folder",
  EEXIST: "a file stands where a folder should",
  EISDIR: "a folder stands where a file should",
  ELOOP: "it is a link that leads to itself",
};
const TEST_MS = 5000;

/** What the file system's error comes down to; undefined where there are no words for it. */
export const reasonInWords = (error: unknown): string | undefined =>
  REASONS[(error as NodeJS.ErrnoException).code ?? ""];

type PathUse = "file" | "folder" | "program";

/** Who is to use a path where that is not this process. */
export interface PathUser {
  /** In the operator's words. */
  called: string;
  /** Left out where it is this process after all. Looked at by root alone. */
  ids?: UnixUser;
}

/** What is wrong with `path`, as the rest of a sentence that begins with it: "cannot be read: it does not exist". Undefined: nothing. */
export function pathProblem(path: string, use: PathUse = "file", by?: PathUser): string | undefined {
  const why = reasonOf(path, use, by);
  return why === undefined ? undefined : `cannot be ${use === "program" ? "run" : "read"}: ${why}`;
}

function reasonOf(path: string, use: PathUse, by: PathUser | undefined): string | undefined {
  const shut = by === undefined ? REASONS.EACCES : `${by.called} may not use it`;
  try {
    const stats = statSync(path);
    if (use === "folder") {
      if (!stats.isDirectory()) return "a file stands where a folder should";
    } else if (!stats.isFile()) return stats.isDirectory() ? REASONS.EISDIR : "it is no ordinary file";
    return mayUse(path, use, by?.ids) ? undefined : shut;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EACCES" || code === "EPERM" ? shut : (reasonInWords(error) ?? "the disk has an error");
  }
}

function mayUse(path: string, use: PathUse, ids: UnixUser | undefined): boolean {
  if (ids === undefined || process.getuid!() !== 0) {
    const { R_OK, X_OK } = constants;
    try {
      accessSync(path, use === "file" ? R_OK : use === "program" ? X_OK : R_OK | X_OK);
      return true;
    } catch {
      return false;
    }
  }
  const test = findProgram("test");
  if (test === undefined) return true;
  // The kernel is asked as that user (test(1)): the folders on the way and access lists count, too.
  const { status } = spawnSync(test, [use === "program" ? "-x" : "-r", path], {
    ...ids,
    cwd: "/",
    env: SCRUBBED_ENVIRONMENT,
    stdio: "ignore",
    timeout: TEST_MS,
  });
  return status !== 1;
}

/** Whether every user of the machine can read a file, by its mode and those of the folders it is in. Throws the file system's error. */
export function isOpenToAll(path: string): boolean {
  const file = realpathSync(path);
  if ((statSync(file).mode & 0o004) === 0) return false;
  let folder = dirname(file);
  while ((statSync(folder).mode & 0o001) !== 0) {
    if (folder === dirname(folder)) return true;
    folder = dirname(folder);
  }
  return false;
}
