import type { Context } from "hono";
import type { SiteEnv } from "../options.ts";
import { type PageLanguage, PLAIN_ENGLISH, type Say } from "./language.ts";

/** The language that a request is answered in. */
export const languageOf = (c: Context<SiteEnv>): PageLanguage => c.get("language") ?? PLAIN_ENGLISH;

/** What a page's code says its sentences with. */
export const sayIn = (c: Context<SiteEnv>): Say => languageOf(c).say;
