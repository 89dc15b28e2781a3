import { parse, TomlError } from "smol-toml";
import { z } from "zod";

/**
 * An article of the help centre: a Markdown file whose head stands between two lines of `+++`, in TOML. The file's name is its
 * address.
 *
 *     +++
 *     title = "Windows"
 *     summary = "Three ways, from the one that is done first."
 *     category = "set-up"
 *     order = 10
 *     words = ["microsoft", "pc"]
 *     +++
 */
export interface Article {
  /** `windows`, of `windows.md`. */
  slug: string;
  title: string;
  /** One sentence, for lists. */
  summary: string;
  category: ArticleCategory;
  /** Place within the category, lowest first. */
  order: number;
  /** What people may also look for. */
  words: readonly string[];
  /** Markdown. */
  body: string;
}

/** In the order of the page. */
export const ARTICLE_CATEGORIES = {
  start: "Getting started",
  "set-up": "Set up your device",
  use: "Using it",
  trouble: "When something does not work",
  payment: "Paying, refunds and cancelling",
  privacy: "Your data",
} as const;

export type ArticleCategory = keyof typeof ARTICLE_CATEGORIES;

const categories = Object.keys(ARTICLE_CATEGORIES) as [ArticleCategory, ...ArticleCategory[]];
const oneLine = (most: number) => z.string().regex(new RegExp(`^[^\\p{Cc}]{1,${most}}$`, "u"));

const head = z.strictObject({
  title: oneLine(100),
  summary: oneLine(200),
  category: z.enum(categories),
  order: z.number().default(1000),
  words: z.array(oneLine(60)).max(50).default([]),
});

const FILE_NAME = /^([a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?)\.md$/;

/** An article cannot be read; the message is for whoever wrote it. */
export class ArticleError extends Error {
  override name = "ArticleError";
}

/** Throws ArticleError with the file's name and what is wrong. */
export function parseArticle(fileName: string, text: string): Article {
  const slug = FILE_NAME.exec(fileName)?.[1];
  if (slug === undefined)
    throw new ArticleError(
      `${fileName}: an article's file is called like windows.md: a-z, 0-9, inner dashes, .md`,
    );
  const parts = /^\uFEFF?\+\+\+\r?\n([\s\S]*?)\r?\n\+\+\+\r?\n([\s\S]*)$/.exec(text);
  if (parts === null)
    throw new ArticleError(
      `${fileName}: an article begins with a line +++, then title, summary and category, then a line +++`,
    );
  let said: unknown;
  try {
    said = parse(parts[1]!);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new ArticleError(`${fileName}:${error.line + 1}: this is not TOML between the lines of +++`);
  }
  const read = head.safeParse(said);
  if (!read.success) {
    const key = read.error.issues[0]?.path.join(".") || "what stands between the lines of +++";
    throw new ArticleError(
      `${fileName}: ${key} is not right: title and summary are one line each, category is one of ${categories.join(", ")}`,
    );
  }
  return { slug, ...read.data, body: parts[2]!.trim() };
}

/** By category and order; of two with one slug the later one counts, and one without a body is left out. */
export function collectArticles(...sources: readonly (readonly Article[])[]): Article[] {
  const bySlug = new Map(sources.flat().map((article) => [article.slug, article]));
  return [...bySlug.values()]
    .filter(({ body }) => body !== "")
    .sort(
      (a, b) =>
        categories.indexOf(a.category) - categories.indexOf(b.category) ||
        a.order - b.order ||
        (a.title < b.title ? -1 : 1),
    );
}

/** Replaces `{{word}}` by its value, in text, title and summary. Throws ArticleError for a word that there is none of. */
export function fillArticle(article: Article, values: Readonly<Record<string, string>>): Article {
  const filled = (text: string) =>
    text.replace(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, word: string) => {
      const value = values[word];
      if (value === undefined)
        throw new ArticleError(
          `${article.slug}.md: there is nothing called {{${word}}}; there are ${Object.keys(values).join(", ")}`,
        );
      return value;
    });
  const { title, summary, body } = article;
  return { ...article, title: filled(title), summary: filled(summary), body: filled(body) };
}
