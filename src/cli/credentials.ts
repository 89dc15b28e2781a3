import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { isOpenToAll, pathProblem } from "../lib/path-problem.ts";
import type { Config } from "../office/config.ts";
import type { OfficeStart } from "../office/messages.ts";
import { siteTls } from "../office/site-address.ts";
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

/** A file that a setting names and root reads. */
export interface NamedFile {
  /** `section.key` */
  key: string;
  /** As it stands in lethe.toml: a path, or a credential's name. */
  value: string;
  secret: boolean;
  /** Read before the office starts, which does not start without it. What the site's door needs is read while it runs. */
  forStart: boolean;
  /** Throws StartError. */
  read(): string;
}

const AUTHORITY = "tls.acme_authority";

/** Every file of a setting that root reads, because the office's user may not. */
export function filesOfRoot(config: Config, env: NodeJS.ProcessEnv = process.env): NamedFile[] {
  const file = (key: string, value: string, secret: boolean, forStart: boolean): NamedFile[] => {
    const read = () => settingsFile(key, secretFile(key, value, env));
    return value === "" ? [] : [{ key, value, secret, forStart, read }];
  };
  // An API key, a password: without the line break at the end.
  const secrets = Object.entries(config).flatMap(([section, settings]) =>
    Object.entries(settings).flatMap(([name, value]) => {
      if (!name.endsWith("_file") || typeof value !== "string") return [];
      return file(`${section}.${name}`, value, true, true).map((each) => ({
        ...each,
        read() {
          const text = each.read().trim();
          if (text === "") throw new StartError(`${each.key}: ${value} holds nothing but blanks.`);
          return text;
        },
      }));
    }),
  );
  const source = siteTls(config)?.source;
  return [
    ...secrets,
    ...file(AUTHORITY, config.tls.acme_authority, false, true),
    ...(source?.kind === "files"
      ? [
          ...file("tls.certificate", source.certificate, false, false),
          ...file("tls.key", source.key, true, false),
        ]
      : []),
  ];
}

/** What root reads for the office. Throws StartError with one line for each file that is wrong. */
export function filesForOffice(
  config: Config,
  env: NodeJS.ProcessEnv = process.env,
): Pick<OfficeStart, "settingsFiles" | "acmeAuthority"> {
  const texts = new Map<string, string>();
  const wrong = filesOfRoot(config, env)
    .filter(({ forStart }) => forStart)
    .flatMap(({ key, read }) => startErrorsOf(() => texts.set(key, read())));
  if (wrong.length > 0) throw new StartError(wrong.join("\n"));
  const acmeAuthority = texts.get(AUTHORITY);
  texts.delete(AUTHORITY);
  return { settingsFiles: Object.fromEntries(texts), ...(acmeAuthority !== undefined && { acmeAuthority }) };
}

/** Secrets that every user of the machine can read, a sentence each. Those that are not there are passed over. */
export function openSecrets(config: Config, env: NodeJS.ProcessEnv = process.env): string[] {
  return filesOfRoot(config, env)
    .filter(({ secret, value }) => secret && isAbsolute(value) && pathProblem(value) === undefined)
    .filter(({ value }) => isOpenToAll(value))
    .map(({ key, value }) => `${key}: ${value} is a secret, and others may read it: chmod o-r ${value}`);
}

/** The messages of the StartError that it throws, line by line; none where all is well. */
export function startErrorsOf(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof StartError) return error.message.split("\n");
    throw error;
  }
}

function read(name: string, path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > 0 && size <= BYTES_MOST) return readFileSync(path);
  } catch {
    throw new StartError(`${name}: ${path} ${pathProblem(path) ?? "cannot be read"}.`);
  }
  throw new StartError(`${name}: ${path} is empty, or too large for what should stand there.`);
}
