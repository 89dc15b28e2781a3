import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type AssetName, assetUrl } from "./assets.ts";
import { type Html, html, trusted } from "./html.ts";
import type { SiteEnv } from "./options.ts";
import type { Web } from "./web.ts";

/** A drop with a river in it. Own drawing; `currentColor` so that it follows the scheme. */
const MARK = trusted(
  '<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="currentColor" d="M16 1.5C16 1.5 4.5 13.4 4.5 20a11.5 11.5 0 0 0 23 0C27.5 13.4 16 1.5 16 1.5z"/>' +
    '<g class="waves" fill="none" stroke-width="2" stroke-linecap="round"><path d="M9.5 17.5c2.2-1.7 4.3-1.7 6.5 0s4.3 1.7 6.5 0"/>' +
    '<path d="M9.5 22c2.2-1.7 4.3-1.7 6.5 0s4.3 1.7 6.5 0" opacity=".7"/><path d="M12.5 26.3c1.2-.9 2.3-.9 3.5 0s2.3.9 3.5 0" opacity=".4"/></g></svg>',
);

type MemberTab = "overview" | "connect" | "settings";

export interface Page {
  title: string;
  body: Html;
  status?: ContentfulStatusCode;
  /** Which entry of the navigation this page is. */
  section?: "status" | "privacy" | "log-in" | "sign-up" | "member";
  /** Set on the member area's pages: shows its tabs. */
  tab?: MemberTab;
  script?: AssetName;
  description?: string;
}

const link = (href: string, text: string, current: boolean): Html =>
  html`<li><a href="${href}"${current && html` aria-current="page"`}>${text}</a></li>`;

function navigation(session: SiteEnv["Variables"]["session"], section: Page["section"]): Html {
  const own =
    session === undefined
      ? html`${link("/log-in", "Log in", section === "log-in")}${link("/sign-up", "Sign up", section === "sign-up")}`
      : html`${link("/member", "Account", section === "member")}
<li><form method="post" action="/log-out"><input type="hidden" name="token" value="${session.formToken}"><button>Log out</button></form></li>`;
  return html`<nav aria-label="Site"><ul>
${link("/status", "Servers", section === "status")}${link("/privacy", "Privacy", section === "privacy")}${own}
</ul></nav>`;
}

const tabs = (
  current: MemberTab,
): Html => html`<nav class="tabs" aria-label="Your account"><div class="wrap"><ul>
${link("/member", "Overview", current === "overview")}${link("/member/connect", "Get connected", current === "connect")}${link("/member/settings", "Settings", current === "settings")}
</ul></div></nav>`;

/** Answers with a whole page. Everything in it but `body` is the same for all pages. */
export const page = (web: Web, c: Context<SiteEnv>, content: Page): Response =>
  c.html(pageMarkup(web, c.get("session"), content), content.status ?? 200);

/** The page as whoever has that session sees it; without one it is the same for everybody. */
export function pageMarkup(web: Web, session: SiteEnv["Variables"]["session"], content: Page): string {
  const { siteName } = web;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${content.title === siteName ? siteName : `${content.title} – ${siteName}`}</title>
${content.description !== undefined && html`<meta name="description" content="${content.description}">`}
<link rel="stylesheet" href="${assetUrl("site.css")}">
<link rel="icon" href="${assetUrl("mark.svg")}" type="image/svg+xml">
${content.script !== undefined && html`<script type="module" src="${assetUrl(content.script)}"></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="wrap">
<a class="brand" href="/">${MARK}<span>${siteName}</span></a>
${navigation(session, content.section)}
</div></header>
${content.tab !== undefined && tabs(content.tab)}
<main id="main" tabindex="-1"><div class="wrap">
${content.body}
</div></main>
<footer><div class="wrap">
<p><a href="/check">Am I protected?</a></p>
<p>No trackers, no analytics, nothing loaded from third parties.</p>
<p>Runs on Lethe, free software under the AGPL${web.sourceUrl !== undefined && html` (<a href="${web.sourceUrl}">source</a>)`}. <a href="/api/openapi.json">API</a></p>
</div></footer>
</body>
</html>
`;
  return document.markup;
}
