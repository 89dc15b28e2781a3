import type { Hono } from "hono";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { addAnalyticsChoice, choiceForm, choiceOf } from "./analytics.ts";

/** Google's own pages: how it uses what such sites send, its privacy policy, and how to keep all sites from using it. */
const GOOGLE = {
  use: "https://policies.google.com/technologies/partner-sites",
  policy: "https://policies.google.com/privacy",
  optOut: "https://tools.google.com/dlpage/gaoptout",
} as const;

const what = (
  say: Say,
): Html => html`<p>${say`We use Google Analytics to see which pages are read, only with those who allow it, never while somebody is logged in, and not on pages that belong to an account, an order or a ticket. Our own machine tells Google which page it was, a random text out of your browser's cookie, and your address without its last 8 bits (IPv6: 80 bits); your browser never talks to Google.`}</p>
<p>${say`A browser that sends Do Not Track or Global Privacy Control is not asked, and not counted.`}</p>
<p>${say`From Google: <a href="${GOOGLE.use}">how Google uses what sites send</a>, <a href="${GOOGLE.policy}">its privacy policy</a>, <a href="${GOOGLE.optOut}">opting out everywhere</a>.`}</p>`;

/** What the privacy page says of it. */
export const analyticsPrivacy = (
  say: Say,
): Html => html`<section class="panel" id="analytics"><h2>${say`Analytics`}</h2>
${what(say)}
<p>${say`<a href="/analytics">See and change your choice</a>.`}</p></section>`;

const STATE = {
  allowed: sentence("You have allowed that your visits are counted."),
  refused: sentence("Your visits are not counted."),
  none: sentence("You have not decided: your visits are not counted."),
} as const;

export function addAnalytics(app: Hono<SiteEnv>, web: Web): void {
  if (web.analytics === undefined) return;
  addAnalyticsChoice(app, web);
  app.get("/analytics", (c) => {
    const signal = c.req.header("dnt") === "1" || c.req.header("sec-gpc") === "1";
    const say = sayIn(c);
    const body = html`<h1>${say`Analytics`}</h1>
<p class="lead" role="status">${signal ? say`Your browser says that you do not want to be tracked. Your visits are not counted, whatever you choose here.` : say.text(STATE[choiceOf(web, c).kind])}</p>
<div class="panel">${choiceForm(web, c)}<p>${say`A refusal stays; a permission is asked for again after half a year.`}</p></div>
<section class="panel"><h2>${say`What is counted, and how`}</h2>${what(say)}</section>`;
    return page(web, c, { title: "Analytics", section: "privacy", body });
  });
}
