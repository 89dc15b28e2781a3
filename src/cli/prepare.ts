import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ensureExitRunFolders, exitRunFolders } from "../exit/run-folders.ts";
import { reasonInWords } from "../lib/path-problem.ts";
import { type Config, ConfigError, parseConfig } from "../office/config.ts";
import {
  type DataFolder,
  dataFolder,
  ensureDataFolder,
  ensureRunFolder,
  type RunFolder,
  runFolder,
} from "../office/folders.ts";
import { ensureUsers, type Users } from "../office/users.ts";
import { holdsPassword } from "../store/postgres-url.ts";
import { StartError } from "./start-error.ts";

/** All that must stand before a process is started. */
export interface Prepared {
  data: DataFolder;
  run: RunFolder;
  users: Users;
  /** The data folder was made now. */
  fresh: boolean;
}

const LONGEST_ROOT_BYTES = 75;
/** Where `lethe restore` unpacks, and what it is called from when it begins to put things in place. */
export const RESTORING = "restoring";
export const RESTORED = "restored";

/** Makes users (but those that are given) and folders where they are missing. Throws StartError in the operator's words. */
export function prepare(root: string, say: (sentence: string) => void, given?: Users): Prepared {
  // sun_path has 108 bytes (unix(7)), and the longest name below the folder is office/control.sock.
  if (Buffer.byteLength(root) > LONGEST_ROOT_BYTES)
    throw new StartError(
      `The data folder's path is too long: at most ${LONGEST_ROOT_BYTES} bytes. --data chooses another.`,
    );
  if (existsSync(join(root, RESTORED)))
    throw new StartError(
      `A restore of ${root} was broken off in the middle. Run it again, with --force; then start.`,
    );
  const users = given ?? inDataFolder(root, () => ensureUsers(say));
  const data = dataFolder(root);
  const fresh = inDataFolder(root, () => ensureDataFolder(data, users));
  const run = runFolder(root);
  inDataFolder(run.root, () => {
    ensureRunFolder(run, users);
    ensureExitRunFolders(exitRunFolders(run.root), { ...users, root: users.supervisor });
  });
  return { data, run, users, fresh };
}

/** lethe.toml, checked. Throws StartError with one line for each thing that is wrong. */
export function readConfig(path: string): Config {
  const text = inDataFolder(path, () => readFileSync(path, "utf8"));
  try {
    const config = parseConfig(text, path);
    if (holdsPassword(config.store.url) && (statSync(path).mode & 0o077) !== 0)
      throw new StartError(
        `${path} holds the database's password, and others may read it: chmod 600 ${path}`,
      );
    return config;
  } catch (error) {
    if (error instanceof ConfigError) throw new StartError(error.message);
    throw error;
  }
}

/** Turns what the file system says into a sentence about `path`, a file that somebody named. */
export function inWords<Value>(path: string, use: () => Value, more = ""): Value {
  try {
    return use();
  } catch (error) {
    const reason = reasonInWords(error);
    if (reason === undefined) throw error;
    throw new StartError(`${path} cannot be used: ${reason}.${more}`);
  }
}

/** The same for the data folder and what is in it. */
export const inDataFolder = <Value>(path: string, use: () => Value): Value =>
  inWords(path, use, " --data chooses another data folder.");
