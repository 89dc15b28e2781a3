import type { Context } from "hono";
import type { SiteEnv } from "../options.ts";
import { ENGLISH, type Language, type Say, speaker } from "./language.ts";

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

export const languageOf = (c: Context<SiteEnv>): PageLanguage => c.get("language") ?? PLAIN_ENGLISH;

/** What a page's code says its sentences with. */
export const sayIn = (c: Context<SiteEnv>): Say => languageOf(c).say;
