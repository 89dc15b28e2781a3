import { readdirSync } from "node:fs";
import { pathProblem } from "../lib/path-problem.ts";
import type { Config } from "../office/config.ts";
import { readOwnTexts } from "../office/own-texts.ts";
import { siteLook } from "../office/site-look.ts";
import { OfficeStartError } from "../office/start-errors.ts";
import { readOwnArticles } from "../office/support.ts";
import { TEXT_PAGES } from "../web/text-pages.ts";
import { bad, type Finding, note } from "./finding.ts";
import { StartError } from "./start-error.ts";

/** The operator's own wording (`site.texts`): whether the folder is there, and texts in it that no page shows. */
export function checkTexts({ site: { texts } }: Pick<Config, "site">): Finding[] {
  if (texts === "") return [];
  const problem = pathProblem(texts, "folder");
  if (problem !== undefined)
    return [
      bad("own texts", `site.texts: ${texts} ${problem}.`, "Make the folder, or leave site.texts empty."),
    ];
  const pages = new Set(TEXT_PAGES.map((page) => `${page}.md`));
  const lost = readdirSync(texts).filter((name) => name.endsWith(".md") && !pages.has(name));
  return lost.length === 0
    ? []
    : [
        note(
          "own texts",
          `site.texts: no page shows ${lost.join(", ")}.`,
          `Pages are ${[...pages].join(", ")}; articles stand in the folder help.`,
        ),
      ];
}

/** The logo and the translations: the office does not start with broken ones. */
export function checkLook(config: Pick<Config, "site" | "theme">): Finding[] {
  try {
    siteLook(config);
    return [];
  } catch (error) {
    if (!(error instanceof OfficeStartError)) throw error;
    return [bad("looks", error.message, "Mend the file, or take it out of lethe.toml.")];
  }
}

/** The files that the office reads at its start and would not start with: a restart must not find that out half-way. Throws StartError. */
export function assertReadable(config: Pick<Config, "site" | "theme">): void {
  try {
    readOwnTexts(config.site.texts);
    readOwnArticles(config.site.texts);
    siteLook(config);
  } catch (error) {
    if (error instanceof OfficeStartError) throw new StartError(error.message);
    throw error;
  }
}
