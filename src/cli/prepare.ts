import { readFileSync } from "node:fs";
import { ensureAuthority, ensureExitCertificate } from "../office/certificates.ts";
import { type Config, ConfigError, parseConfig } from "../office/config.ts";
import {
  type DataFolder,
  dataFolder,
  ensureDataFolder,
  ensureRunFolder,
  handOver,
  type RunFolder,
  runFolder,
} from "../office/folders.ts";
import { ensureKeys, type OfficeKeys } from "../office/keys.ts";
import { ensureUsers, type Users } from "../office/users.ts";
import { StartError } from "./start-error.ts";

/** All that must stand before a process is started. */
export interface Prepared {
  data: DataFolder;
  run: RunFolder;
  users: Users;
  config: Config;
  keys: OfficeKeys;
  /** The data folder was made now. */
  fresh: boolean;
}

/** Makes the folders, so that the lock can be taken in them. Throws StartError in the operator's words. */
export function prepareFolders(
  root: string,
  say: (sentence: string) => void,
): Omit<Prepared, "config" | "keys"> {
  const users = inWords(root, () => ensureUsers(say));
  const data = dataFolder(root);
  const fresh = inWords(root, () => ensureDataFolder(data, users));
  const run = runFolder(root);
  inWords(run.root, () => ensureRunFolder(run, users));
  return { data, run, users, fresh };
}

/** Reads lethe.toml and makes the keys and certificates that are missing. Throws StartError in the operator's words. */
export function prepareKeys(folders: Omit<Prepared, "config" | "keys">): Prepared {
  const { data, users } = folders;
  const config = readConfig(data.config);
  const keys = inWords(data.root, () => {
    const made = ensureKeys(data.office);
    if (process.getuid!() === 0) makeCertificates(data, config);
    handOver(data.office, users.office);
    return made;
  });
  return { ...folders, config, keys };
}

/** lethe.toml, checked; the message of what is wrong becomes the StartError's. */
export function readConfig(path: string): Config {
  try {
    return parseConfig(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (error instanceof ConfigError) throw new StartError(error.message);
    throw error;
  }
}

function makeCertificates(data: DataFolder, config: Config): void {
  ensureAuthority(data.office);
  ensureExitCertificate(data.office, data.exit, config.server.name, Date.now());
}

/** Turns what the file system says into a sentence about `path`. */
function inWords<Value>(path: string, use: () => Value): Value {
  try {
    return use();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why: Record<string, string> = {
      EROFS: "it is on a read-only file system",
      EACCES: "this user may not write there",
      EPERM: "this user may not write there",
      ENOSPC: "the disk is full",
      ENOTDIR: "a part of that path is a file, not a folder",
      EEXIST: "a file stands where a folder should",
    };
    const reason = code === undefined ? undefined : why[code];
    if (reason === undefined) throw error;
    throw new StartError(`${path} cannot be used: ${reason}. Choose another folder with --data.`);
  }
}
