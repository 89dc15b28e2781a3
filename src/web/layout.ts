import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type AssetName, assetUrl } from "./assets.ts";
import { type Html, html } from "./html.ts";
import type { Say } from "./languages/language.ts";
import { withPrefix } from "./languages/links.ts";
import { languageOf } from "./languages/page-language.ts";
import { type MemberTab, memberTabs, navigation, siteFooter, type View } from "./navigation.ts";
import type { SiteEnv } from "./options.ts";
import { analyticsBanner } from "./site/analytics.ts";
import type { Section } from "./site-map.ts";
import type { Web } from "./web.ts";

export interface Page {
  /** A sentence to be said, or one that has been said already: it holds a value. */
  title: string;
  body: Html;
  status?: ContentfulStatusCode;
  /** Which entry of the navigation this page is. */
  section?: Section;
  /** Set on the member area's pages: shows its tabs. */
  tab?: MemberTab;
  script?: AssetName;
  /** In the page's language. */
  description?: string;
}

/** What can be asked for again, and in another language, has its own address; a form's answer or an error has the start page's. */
const viewOf = (c: Context<SiteEnv>, status: number): View => ({
  session: c.get("session"),
  language: languageOf(c),
  path: c.req.method === "GET" && status < 400 ? `${c.req.path}${new URL(c.req.url).search}` : "/",
});

/** Where search machines find the page in other languages; what is behind a login they do not find. */
const languageAlternates = ({ publicUrl, spoken }: Web, { path }: View): Html[] | false =>
  publicUrl !== undefined &&
  !path.startsWith("/member") &&
  spoken.all.map(
    ({ tag }) => html`<link rel="alternate" hreflang="${tag}" href="${publicUrl}/${tag}${path}">
`,
  );

/** Nobody may take a demo for a service. */
const demoBanner = (say: Say, links: NonNullable<Web["demo"]>): Html =>
  html`<aside class="demo" aria-label="${say.text("Demo")}"><div class="wrap"><p>${say`<strong>This is a demo.</strong> No money moves, nothing goes online but what you send through its proxies, and all of it is gone when it is stopped.`} ${links.map(
    ({ title, href }) => html`<a href="${href}">${say.text(title)}</a> `,
  )}</p></div></aside>`;

/** Answers with a whole page. Everything in it but `body` is the same for all pages. */
export function page(web: Web, c: Context<SiteEnv>, content: Page): Response {
  const { status = 200 } = content;
  return c.html(pageMarkup(web, viewOf(c, status), content, analyticsBanner(web, c)), status);
}

/** The page at `path` as somebody without a session sees it: the same for everybody who reads its language. */
export const publicMarkup = (web: Web, c: Context<SiteEnv>, path: string, content: Page): string =>
  pageMarkup(web, { session: undefined, language: languageOf(c), path }, content);

function pageMarkup(web: Web, view: View, content: Page, banner?: Html): string {
  const { siteName } = web;
  const { say, tag, direction, prefix } = view.language;
  const title = say.text(content.title);
  const document = html`<!doctype html>
<html lang="${tag}"${direction === "rtl" && html` dir="rtl"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${content.title === siteName ? siteName : `${title} – ${siteName}`}</title>
${content.description !== undefined && html`<meta name="description" content="${content.description}">`}
<link rel="stylesheet" href="${assetUrl("site.css")}">
${web.look.head}
${web.has("/announcements.atom") && html`<link rel="alternate" type="application/atom+xml" title="${say.text("Announcements")}" href="/announcements.atom">`}
${languageAlternates(web, view)}
${content.script !== undefined && html`<script type="module" src="${assetUrl(content.script)}"></script>`}
</head>
<body>
<a class="skip" href="#main">${say`Skip to the content`}</a>
${web.demo !== undefined && demoBanner(say, web.demo)}
${banner !== undefined && html`<div class="wrap">${banner}</div>`}
<header class="top"><div class="wrap">
<a class="brand" href="/">${web.look.mark}<span>${siteName}</span></a>
${navigation(web, view, content.section)}
</div></header>
${content.tab !== undefined && memberTabs(say, content.tab)}
<main id="main" tabindex="-1"><div class="wrap">
${content.body}
</div></main>
${siteFooter(web, view)}
</body>
</html>
`;
  return withPrefix(document.markup, prefix);
}
