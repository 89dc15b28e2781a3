import type { Context, MiddlewareHandler } from "hono";
import { getPath } from "hono/utils/url";
import type { SiteEnv } from "../options.ts";
import { ENGLISH, type Language, type PageLanguage, PLAIN_ENGLISH, pageLanguage } from "./language.ts";
import { splitPath, wished } from "./negotiate.ts";

/** English and others, with addresses of their own where there are others; `tag` is one of theirs, or `en`. */
export function addressedLanguage(others: readonly Language[], tag: string): PageLanguage {
  const language = others.find((each) => each.tag === tag) ?? ENGLISH;
  return others.length === 0 ? PLAIN_ENGLISH : pageLanguage(language, `/${language.tag}`);
}

interface Spoken {
  tag: string;
  name: string;
  /** With addresses of its own, and as a browser's wish. */
  addressed: PageLanguage;
  wished: PageLanguage;
}

/**
 * The languages of the site and how a request comes to one: by the first part of its address (`/de/status`), which stays as one
 * goes on from page to page and can be sent to somebody else, otherwise by Accept-Language, otherwise the
 * site's own. No cookie,
 * nothing to be kept about anybody. Where there is only English, there is none of this.
 */
export class Languages {
  readonly all: readonly Pick<Language, "tag" | "name">[];
  readonly #spoken: readonly Spoken[];

  readonly #own: PageLanguage;

  /** `others`: beside English. `own`: the tag of the language that counts where a browser asks for none of them. */
  constructor(others: readonly Language[] = [], own: string = ENGLISH.tag) {
    const all = others.length === 0 ? [] : [ENGLISH, ...others];
    this.all = all;
    this.#spoken = all.map((language) => ({
      tag: language.tag,
      name: language.name,
      addressed: pageLanguage(language, `/${language.tag}`),
      wished: pageLanguage(language),
    }));
    this.#own = this.#spoken.find(({ tag }) => tag === own)?.wished ?? PLAIN_ENGLISH;
  }

  /** For `new Hono`: routes know nothing of languages. */
  readonly getPath = (request: Request): string => {
    const path = getPath(request);
    return splitPath(path, this.#spoken)?.rest ?? path;
  };

  #of(c: Context<SiteEnv>): PageLanguage {
    if (this.#spoken.length === 0) return PLAIN_ENGLISH;
    const addressed = splitPath(getPath(c.req.raw), this.#spoken)?.language.addressed;
    return addressed ?? wished(c.req.header("accept-language"), this.#spoken)?.wished ?? this.#own;
  }

  /** Stands before everything else. */
  readonly guide: MiddlewareHandler<SiteEnv> = async (c, next) => {
    const language = this.#of(c);
    c.set("language", language);
    await next();
    if (this.#spoken.length === 0) return;
    const to = c.res.headers.get("location");
    if (language.prefix !== "" && to !== null && /^\/(?!\/)/.test(to))
      c.header("location", `${language.prefix}${to}`);
    // Zips have a text in them that says what they are.
    if (/^(?:text\/html|application\/zip)/.test(c.res.headers.get("content-type") ?? ""))
      c.header("vary", "accept-language", { append: true });
  };
}
