import type { Context } from "hono";
import { type Html, html } from "./html.ts";
import { languageOf } from "./languages/page-language.ts";
import { markdown } from "./markdown.ts";
import type { SiteEnv } from "./options.ts";
import type { TextPage } from "./text-pages.ts";
import type { Web } from "./web.ts";

/** The two blocks of a page, as markup: the operator's where there are any, else what the page says by itself. */
export function ownText(
  web: Web,
  c: Context<SiteEnv>,
  page: TextPage,
  introduction: Html,
): { before: Html; after: Html | false } {
  const own = web.texts?.find(page, languageOf(c).folders);
  return {
    before:
      own === undefined || own.introduction === ""
        ? introduction
        : html`<div class="prose">${markdown(own.introduction, { firstHeading: 2 })}</div>`,
    after:
      own !== undefined &&
      own.footnotes !== "" &&
      html`<section class="panel prose">${markdown(own.footnotes, { firstHeading: 2 })}</section>`,
  };
}
