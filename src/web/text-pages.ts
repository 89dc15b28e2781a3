/** The pages whose wording an operator may add to (`site.texts`): what the code acts by stays as it is. */
export const TEXT_PAGES = [
  "terms",
  "personal-use",
  "privacy",
  "refunds",
  "cancellation",
  "fair-use",
  "pricing",
  "about",
] as const;
export type TextPage = (typeof TEXT_PAGES)[number];

/** An operator's texts, in Markdown: what comes before a page's rules, and what comes after them. */
export interface OwnText {
  introduction: string;
  footnotes: string;
}

export interface OwnTexts {
  /** The text of a page in the first of these languages that has one (`folders` of PageLanguage). */
  find(page: TextPage, folders: readonly string[]): OwnText | undefined;
}

/** A line of three dashes or more between empty lines ends the introduction; right below text it makes a heading (CommonMark 4.3). */
const DASHES = /^ {0,3}-{3,}[ \t]*$/;

export function splitText(text: string): OwnText {
  // Windows' editors end lines with CR LF, and some begin a file with a mark.
  const lines = text.replace(/^\u{FEFF}/u, "").split(/\r?\n/);
  const end = lines.findIndex((line, at) => DASHES.test(line) && (lines[at - 1] ?? "").trim() === "");
  const at = end === -1 ? lines.length : end;
  const part = (from: number, to?: number) => lines.slice(from, to).join("\n").trim();
  return { introduction: part(0, at), footnotes: part(at + 1) };
}
