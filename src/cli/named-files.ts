import { isAbsolute } from "node:path";
import { BLOCKLISTS } from "../lib/blocklist.ts";
import { pathProblem } from "../lib/path-problem.ts";
import type { Config } from "../office/config.ts";
import { OfficeStartError } from "../office/start-errors.ts";
import { themeOptions } from "../office/theme-settings.ts";
import { officeSeen } from "../office/users.ts";
import { parsePostgresUrl } from "../store/postgres-url.ts";
import { filesOfRoot, openSecrets, startErrorsOf } from "./credentials.ts";
import { assertReadable } from "./doctor-texts.ts";

/**
 * What is wrong with the files and folders that lethe.toml names, a sentence each, as a start says it or, where it is a start's to go
 * on without one, as whoever misses it later would. Each is looked at with the rights of the user that will read it.
 */
export function fileProblems(config: Config, env: NodeJS.ProcessEnv = process.env): string[] {
  // Of a systemd credential nobody knows anything outside the unit.
  const known = (value: string): boolean => isAbsolute(value) || Boolean(env.CREDENTIALS_DIRECTORY);
  const problems = [
    ...filesOfRoot(config, env)
      .filter(({ value }) => known(value))
      .flatMap(({ read }) => startErrorsOf(read)),
    ...openSecrets(config, env),
    ...startErrorsOf(() => assertReadable(config)),
    // A start ends with what is wrong with the texts first.
    ...logoProblems(config),
    ...blocklistProblems(config),
    ...programProblems(config),
    ...databaseProblems(config),
  ];
  return [...new Set(problems)];
}

function logoProblems({ theme }: Pick<Config, "theme">): string[] {
  try {
    themeOptions(theme);
    return [];
  } catch (error) {
    if (error instanceof OfficeStartError) return [error.message];
    throw error;
  }
}

/** The office reads them when it is told to (`lethe blocklists renew`). */
export function blocklistProblems({ blocklists }: Pick<Config, "blocklists">): string[] {
  return BLOCKLISTS.flatMap((list) =>
    blocklists[list]
      .filter((source) => source.startsWith("/"))
      .map((source) => sentence(`blocklists.${list}`, source, pathProblem(source, "file", officeSeen()))),
  ).filter((each) => each !== undefined);
}

function programProblems({ alerts }: Pick<Config, "alerts">): string[] {
  const [program] = alerts.command;
  if (program === undefined) return [];
  const said = sentence("alerts.command", program, pathProblem(program, "program", officeSeen()));
  return said === undefined ? [] : [said];
}

function databaseProblems({ store }: Pick<Config, "store">): string[] {
  const tls = parsePostgresUrl(store.url)?.tls;
  const file = tls === undefined || tls === "none" ? undefined : tls.rootCertificate;
  if (file === undefined) return [];
  const said = sentence("store.url", `sslrootcert ${file}`, pathProblem(file, "file", officeSeen()));
  return said === undefined ? [] : [said];
}

const sentence = (key: string, what: string, problem: string | undefined): string | undefined =>
  problem && `${key}: ${what} ${problem}.`;
