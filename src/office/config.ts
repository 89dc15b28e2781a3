import { parse, TomlError } from "smol-toml";
import type { Plan } from "../policy/plans.ts";
import { adminProblems } from "./admin-settings.ts";
import { analyticsProblems } from "./analytics-settings.ts";
import { btcpayProblems } from "./btcpay-settings.ts";
import { checkNameProblems } from "./check/origins.ts";
import { takenTwice } from "./config-ports.ts";
import { OPENVPN_LISTENERS_MOST, type Setting, type Settings, table } from "./config-table.ts";
import { mailProblems } from "./mail-settings.ts";
import { paypalProblems } from "./paypal-settings.ts";
import { initialPlansText, planLine, readPlans } from "./plans-config.ts";
import { siteProblems } from "./site-address.ts";
import { themeProblems } from "./theme-settings.ts";

/** `lethe.toml`: what a first start writes, and what is read of the file that an operator wrote (config-table.ts has the settings). */

export type Config = Settings & {
  /** [[plans]]: what is sold. */
  plans: Plan[];
};

/** Keys that had another name in an earlier version. */
const RENAMED: Record<string, string> = { "site.proxies": "site.trusted_proxies" };

/** Something is wrong with lethe.toml; the message names file, line, key and what is allowed. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/**
 * Reads the text of lethe.toml. Sections and keys left out have their defaults.
 * Throws ConfigError with one line for each thing that is wrong.
 */
export function parseConfig(text: string, file: string): Config {
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "");
    throw new ConfigError(`${file}:${error.line}: this is not TOML: ${what}`);
  }
  const wrong: string[] = [];
  const at = (section: string, key?: string) => `${file}:${lineOf(text, section, key)}`;
  const sections = table as Record<string, Record<string, Setting<unknown>>>;
  const { plans: givenPlans, ...givenSections } = document;
  for (const [section, content] of Object.entries(givenSections)) {
    const known = sections[section];
    if (known === undefined) {
      wrong.push(
        `${at(section)}: there is no section [${section}]; there are ${Object.keys(table).join(", ")}, and [[plans]]`,
      );
    } else if (typeof content !== "object" || content === null || Array.isArray(content)) {
      wrong.push(`${at(section)}: ${section} is a section: write [${section}] and its keys below it`);
    } else {
      for (const key of Object.keys(content)) {
        const renamed = RENAMED[`${section}.${key}`];
        if (renamed !== undefined)
          wrong.push(`${at(section, key)}: ${section}.${key} is called ${renamed} now`);
        else if (known[key] === undefined)
          wrong.push(
            `${at(section, key)}: there is no key ${section}.${key}; there are ${Object.keys(known).join(", ")}`,
          );
      }
    }
  }
  const { plans, problems } = readPlans(givenPlans);
  wrong.push(...problems.map((problem) => `${file}:${planLine(text, problem)}: ${problem.what}`));
  const config: Record<string, Record<string, unknown> | Plan[]> = { plans };
  for (const [section, settings] of Object.entries(sections)) {
    const given = (document[section] ?? {}) as Record<string, unknown>;
    const values: Record<string, unknown> = {};
    for (const [key, { schema, initial, allowed }] of Object.entries(settings)) {
      const value = schema.safeParse(given[key] ?? initial);
      values[key] = value.data;
      if (!value.success) wrong.push(`${at(section, key)}: ${section}.${key} must be ${allowed}`);
    }
    config[section] = values;
  }
  const { udp = [], tcp = [] } = config.openvpn as { udp?: unknown[]; tcp?: unknown[] };
  if (wrong.length === 0 && udp.length + tcp.length > OPENVPN_LISTENERS_MOST)
    wrong.push(
      `${at("openvpn")}: openvpn.udp and openvpn.tcp have at most ${OPENVPN_LISTENERS_MOST} addresses together`,
    );
  if (wrong.length === 0)
    for (const { section, key, what } of [
      ...siteProblems(config as Config),
      ...checkNameProblems(config as Config),
      ...mailProblems(config as Config),
      ...analyticsProblems(config as Config),
      ...themeProblems(config as Config),
      ...adminProblems(config as Config),
    ])
      wrong.push(`${at(section, key)}: ${what}`);
  if (wrong.length === 0) {
    for (const { key, what } of btcpayProblems((config as Config).btcpay))
      wrong.push(`${at("btcpay", key)}: ${what}`);
    for (const { key, what } of paypalProblems((config as Config).paypal))
      wrong.push(`${at("paypal", key)}: ${what}`);
  }
  if (wrong.length === 0)
    wrong.push(...takenTwice(config as Config).map(([section, key, what]) => `${at(section, key)}: ${what}`));
  if (wrong.length > 0) throw new ConfigError(wrong.join("\n"));
  return config as Config;
}

/** The line on which `section.key` stands, or the section where the key is not found; 1 where neither is. */
function lineOf(text: string, section: string, key?: string): number {
  let inside = "";
  let sectionLine = 1;
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\s*"?([^\]"]*)"?\s*\]/.exec(line)?.[1];
    if (header !== undefined) {
      inside = header;
      if (inside === section) sectionLine = index + 1;
    }
    const name = /^\s*"?([^="\s]+)"?\s*=/.exec(line)?.[1];
    if (name === undefined) continue;
    const dotted = inside === "" ? name : `${inside}.${name}`;
    if (dotted === (key === undefined ? section : `${section}.${key}`)) return index + 1;
  }
  return sectionLine;
}

/** The commented lethe.toml that a first start writes: every setting with its default. */
export function initialConfigText(): string {
  const lines = [
    "# Lethe. Every setting stands here with its default; `lethe check` says what is wrong with this file,",
    "# `lethe restart` takes a change over without dropping a VPN session.",
  ];
  for (const [section, settings] of Object.entries(table)) {
    lines.push("", `[${section}]`);
    for (const [key, { comment, initial }] of Object.entries(settings)) {
      if (comment !== "") lines.push(`# ${comment}`);
      lines.push(`${key} = ${JSON.stringify(initial)}`);
    }
  }
  lines.push(...initialPlansText());
  return `${lines.join("\n")}\n`;
}
