import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathProblem } from "../lib/path-problem.ts";
import type { Language } from "../web/languages/language.ts";
import { parseLanguage } from "../web/languages/parse-language.ts";
import { OfficeStartError } from "./start-errors.ts";

/**
 * The operator's translations: `languages/<tag>.json` in the folder of site.texts. Read before the office becomes its user.
 * Throws OfficeStartError.
 */
export function readLanguages(texts: string): Language[] {
  if (texts === "") return [];
  const folder = join(texts, "languages");
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new OfficeStartError(`site.texts: ${folder} ${pathProblem(folder, "folder") ?? "cannot be read"}.`);
  }
  return names.toSorted().map((name) => {
    const path = join(folder, name);
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch {
      throw new OfficeStartError(`site.texts: ${path} ${pathProblem(path) ?? "cannot be read"}.`);
    }
    const language = parseLanguage(name.slice(0, -".json".length), text);
    if (!language.ok) throw new OfficeStartError(`site.texts: ${path}: ${language.error}`);
    return language.value;
  });
}
