import { domainToASCII } from "node:url";
import { isBlocklistName } from "../../lib/blocklist.ts";

const SINKS = new Set(["0.0.0.0", "127.0.0.1", "::", "::1", "255.255.255.255"]);

/**
 * The names that a line of a published blocklist blocks, lower case; undefined where it is none of these: a hosts file's
 * (`0.0.0.0 ads.example`), a name alone or with its `*.`, an advert blocker's (`||ads.example^`), a response policy zone's
 * (`ads.example CNAME .`). A comment and an empty line block nothing.
 */
export function namesOf(line: string): string[] | undefined {
  const text = line.replace(/^\uFEFF/, "").trim();
  if (text === "" || /^[#!;]/.test(text) || /^\[.*\]$/.test(text)) return [];
  const advert = /^\|\|([^/^|*$]+)\^$/.exec(text)?.[1];
  if (advert !== undefined) return checked([advert]);
  const words = text.replace(/\s[#;].*$/, "").split(/\s+/);
  const [first = ""] = words;
  if (SINKS.has(first)) return checked(words.slice(1));
  if (words.length === 3 && words[1]!.toUpperCase() === "CNAME" && words[2] === ".") return checked([first]);
  return words.length === 1 ? checked([first]) : undefined;
}

function checked(names: readonly string[]): string[] | undefined {
  const clean = names.map((name) => {
    const bare = name
      .replace(/^\*?\./, "")
      .replace(/\.$/, "")
      .toLowerCase();
    return /^[\x21-\x7e]*$/.test(bare) ? bare : domainToASCII(bare);
  });
  return clean.length > 0 && clean.every(isBlocklistName) ? clean : undefined;
}
