import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Config } from "../office/config.ts";
import { StartError } from "./start-error.ts";

/**
 * systemd's credentials (systemd.exec(5), LoadCredential= and LoadCredentialEncrypted=): secrets in a folder in memory that
 * only the service's root process reads. It hands them to the process they are for; they stand on no disk of ours then.
 */

/** The office's keys that may come so, by the names they have in its folder (office/keys.ts). */
const OFFICE_KEYS = ["site.secret", "roster.key", "tls-crypt.key"] as const;
const BYTES_MOST = 100_000;

/** Base64, by name; those that are not given are not there. */
export type OfficeSecrets = Partial<Record<(typeof OFFICE_KEYS)[number], string>>;

const folderOf = (env: NodeJS.ProcessEnv): string | undefined => env.CREDENTIALS_DIRECTORY || undefined;

/** Throws StartError where one of them cannot be read or is no key by its size. */
export function officeSecrets(env: NodeJS.ProcessEnv = process.env): OfficeSecrets {
  const folder = folderOf(env);
  const secrets: OfficeSecrets = {};
  for (const name of folder === undefined ? [] : OFFICE_KEYS) {
    const path = join(folder!, name);
    if (existsSync(path)) secrets[name] = read(name, path).toString("base64");
  }
  return secrets;
}

/** Where the file of a setting such as `tls.key` is: its path, or the credential of that name. Throws StartError. */
export function secretFile(key: string, value: string, env: NodeJS.ProcessEnv = process.env): string {
  if (isAbsolute(value)) return value;
  const folder = folderOf(env);
  if (folder === undefined)
    throw new StartError(
      `${key} is "${value}", the name of a systemd credential, and systemd gives none here: LoadCredential=${value}:… in the unit, or a path that starts with /.`,
    );
  return join(folder, value);
}

/** What an operator's file holds. Throws StartError. */
export const settingsFile = (key: string, path: string): string => read(key, path).toString();

/**
 * What the files hold that settings named `…_file` name (an API key, a password): by `section.key`, without the line break at
 * the end. They are read here because the office's user may not. Throws StartError.
 */
export function settingsFiles(config: Config, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [section, settings] of Object.entries(config))
    for (const [key, value] of Object.entries(settings)) {
      const name = `${section}.${key}`;
      if (!key.endsWith("_file") || typeof value !== "string" || value === "") continue;
      const text = settingsFile(name, secretFile(name, value, env)).trim();
      if (text === "") throw new StartError(`${name}: ${value} holds nothing but blanks.`);
      files[name] = text;
    }
  return files;
}

function read(name: string, path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > 0 && size <= BYTES_MOST) return readFileSync(path);
  } catch {
    throw new StartError(`${name}: ${path} cannot be read.`);
  }
  throw new StartError(`${name}: ${path} is empty, or too large for what should stand there.`);
}
