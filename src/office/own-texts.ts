import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathProblem } from "../lib/path-problem.ts";
import { type OwnText, type OwnTexts, splitText, TEXT_PAGES, type TextPage } from "../web/text-pages.ts";
import { OfficeStartError } from "./start-errors.ts";

/** No page may be larger than 100 KB, with all that it loads. */
const BYTES_MOST = 48 * 1024;
/** A folder of texts in one language, by its tag (BCP 47, lower case). */
const LANGUAGE = /^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/;

/**
 * The operator's wording (`site.texts`): `<page>.md`, and for other languages `<tag>/<page>.md`. Read once, before
 * the office becomes its user. Throws OfficeStartError where the folder or a file in it cannot be read.
 */
export function readOwnTexts(folder: string): OwnTexts | undefined {
  if (folder === "") return undefined;
  const refuse = (what: string): never => {
    throw new OfficeStartError(`site.texts: ${folder}${what}`);
  };
  const texts = new Map<string, OwnText>();
  const readIn = (language: string) => {
    for (const page of TEXT_PAGES) {
      const path = join(folder, language, `${page}.md`);
      if (!existsSync(path)) continue;
      const name = path.slice(folder.length);
      if (statSync(path).size > BYTES_MOST) refuse(`${name} is larger than ${BYTES_MOST / 1024} KB.`);
      try {
        texts.set(`${language}/${page}`, splitText(readFileSync(path, "utf8")));
      } catch {
        refuse(`${name} ${pathProblem(path) ?? "cannot be read"}.`);
      }
    }
  };
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    refuse(` ${pathProblem(folder, "folder") ?? "cannot be read"}.`);
  }
  readIn("");
  for (const name of names) if (LANGUAGE.test(name)) readIn(name);
  return {
    find: (page: TextPage, folders: readonly string[]) => {
      for (const language of folders) {
        // English ones may stand in the folder itself.
        const found =
          texts.get(`${language}/${page}`) ?? (language === "en" ? texts.get(`/${page}`) : undefined);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
