import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Article, parseArticle } from "./articles.ts";

/** Articles by the language's tag, `en`. */
export type ArticleTexts = ReadonlyMap<string, readonly Article[]>;

const TAG = /^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/;

/** Those that come with Lethe. Read with the code, since a process that gave root up may not reach them later. */
export const builtInArticles: ArticleTexts = readArticles(
  fileURLToPath(new URL("../../content/help", import.meta.url)),
);

/**
 * The articles in a folder: `help/en/windows.md`, and `help/windows.md`, which is English, too. Empty where there is no such folder.
 * Throws ArticleError, and the file system's error.
 */
export function readArticles(folder: string): ArticleTexts {
  const texts = new Map<string, Article[]>();
  const read = (tag: string, path: string) => {
    const files = readdirSync(path, { withFileTypes: true }).filter(
      (entry) => !entry.isDirectory() && entry.name.endsWith(".md"),
    );
    const articles = files.map(({ name }) => parseArticle(name, readFileSync(join(path, name), "utf8")));
    texts.set(tag, [...(texts.get(tag) ?? []), ...articles]);
  };
  try {
    read("en", folder);
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory() && TAG.test(entry.name)) read(entry.name, join(folder, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return texts;
}
