import { Html, html, type Piece } from "../html.ts";

/**
 * The pages are written in English, and an English sentence is the key under which a translation of it is found: a
 * sentence that a language does not have stays English, and a page needs no list of its texts.
 */
export interface Language {
  /** BCP 47, in lower case: `de`, `pt-br`. Also the first part of the addresses of pages in this language. */
  tag: string;
  /** As those who speak it call it: `Deutsch`. */
  name: string;
  sentences: ReadonlyMap<string, Sentence>;
}

/** A translation; by the plural category (CLDR) of its first number where the language needs it. */
export type Sentence = string | Partial<Record<Intl.LDMLPluralRule, string>>;

export const ENGLISH: Language = { tag: "en", name: "English", sentences: new Map() };

/**
 * Says a sentence in the language of the page. As a template it makes markup, as `html` does: say`<a href="/x">${n} days</a>`
 * is translated by the sentence `<a href="/x">{0} days</a>`, and what is put in is escaped. `say.text` takes and gives plain text, for
 * labels, titles and sentences that stand elsewhere; its values stand in `{0}`, `{1}`….
 */
export interface Say {
  (strings: TemplateStringsArray, ...pieces: Piece[]): Html;
  /** Of the language, for what is written by its customs: dates, numbers, names of countries (languages/customs.ts). */
  tag: string;
  text(sentence: string, ...values: (string | number)[]): string;
}

/** A sentence that stands in a list and is said where it is shown: marked, so that translators are given it. */
export const sentence = (english: string): string => english;

const PLACE = /\{(\d)\}/;

/** Blanks and line breaks of the source mean one blank in the sentence. */
const keyOf = (text: string): string => text.replace(/\s+/g, " ").trim();

export function speaker({ tag, sentences }: Language): Say {
  const plurals = new Intl.PluralRules(tag);

  function find(key: string, values: readonly unknown[]): string | undefined {
    const found = sentences.get(key);
    if (found === undefined || typeof found === "string") return found;
    const first = values.find((value) => typeof value === "number");
    return found[plurals.select(first ?? 0)] ?? found.other;
  }

  const say = (strings: TemplateStringsArray, ...pieces: Piece[]): Html => {
    if (sentences.size === 0) return html(strings, ...pieces);
    const key = keyOf(strings.reduce((all, each, index) => `${all}{${index - 1}}${each}`));
    const found = find(key, pieces);
    if (found === undefined) return html(strings, ...pieces);
    // Odd parts are the numbers of the pieces; the others are markup of the translation, whose tags were compared with ours.
    const markup = found
      .split(PLACE)
      .map((part, index) => (index % 2 === 0 ? new Html(part) : pieces[Number(part)]));
    return html`${markup}`;
  };

  const text = (sentence: string, ...values: (string | number)[]): string => {
    const found = find(keyOf(sentence), values) ?? sentence;
    // What takes no values may be a name somebody chose, with braces of its own.
    if (values.length === 0) return found;
    return found
      .split(PLACE)
      .map((part, index) => (index % 2 === 0 ? part : String(values[Number(part)] ?? "")))
      .join("");
  };

  return Object.assign(say, { tag, text });
}

/** The language that one request is answered in. */
export interface PageLanguage {
  tag: string;
  direction: "ltr" | "rtl";
  /** What the address began with (`/de`), and so what the links of the page begin with; empty where the browser's wishes decided. */
  prefix: string;
  /** Folders in which texts of this language are looked for, best first: `["pt-br", "pt", "en"]`. */
  folders: readonly string[];
  say: Say;
}

/** Written from right to left (CLDR, scripts Arabic, Hebrew, Syriac and Thaana). */
const RIGHT_TO_LEFT = new Set(["ar", "ckb", "dv", "fa", "he", "ps", "syr", "ug", "ur", "yi"]);

export function pageLanguage(language: Language, prefix = ""): PageLanguage {
  const { tag } = language;
  const base = tag.split("-")[0]!;
  return {
    tag,
    direction: RIGHT_TO_LEFT.has(base) ? "rtl" : "ltr",
    prefix,
    folders: [...new Set([tag, base, "en"])],
    say: speaker(language),
  };
}

/** English as it is where there is no other language. */
export const PLAIN_ENGLISH: PageLanguage = pageLanguage(ENGLISH);
