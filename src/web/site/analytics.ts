import { randomBytes } from "node:crypto";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { InventoryEntry } from "../../store/inventory.ts";
import { type Html, html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

const ALLOWED_DAYS = 180;
/** As long as browsers keep a cookie (RFC 6265bis section 5.5), and set anew at each page: a refusal is not asked about again. */
const REFUSED_DAYS = 400;
const DAY_S = 86_400;

/**
 * The pages that are counted: those that only inform. Never the member area, a form, a ticket, an order, a link out of a mail,
 * or the test of one's own protection.
 */
const COUNTED =
  /^\/(?:|about|how-it-works|status(?:\/[a-z0-9-]+)?|pricing|help(?:\/[\w/-]+)?|announcements|privacy|terms|personal-use|fair-use|refunds|cancellation)$/;

export type Choice = { kind: "allowed"; clientId: string } | { kind: "refused" } | { kind: "none" };

const cookieName = (web: Web): string => `${web.secure ? "__Host-" : ""}analytics`;

/** What this browser has said: by its own signals (W3C Tracking Preference Expression; Global Privacy Control) before all else. */
export function choiceOf(web: Web, c: Context<SiteEnv>): Choice {
  if (c.req.header("dnt") === "1" || c.req.header("sec-gpc") === "1") return { kind: "refused" };
  const text = getCookie(c, cookieName(web));
  if (text === "refused") return { kind: "refused" };
  const clientId = /^allowed\.([\w-]{22})$/.exec(text ?? "")?.[1];
  return clientId === undefined ? { kind: "none" } : { kind: "allowed", clientId };
}

function remember(web: Web, c: Context<SiteEnv>, value: string, days: number): void {
  setCookie(c, cookieName(web), value, {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    secure: web.secure,
    maxAge: days * DAY_S,
  });
}

const allow = (web: Web, c: Context<SiteEnv>): void =>
  remember(web, c, `allowed.${randomBytes(16).toString("base64url")}`, ALLOWED_DAYS);

const refuse = (web: Web, c: Context<SiteEnv>): void => remember(web, c, "refused", REFUSED_DAYS);

/** Both answers in one form, as large as each other. */
export function choiceForm(web: Web, c: Context<SiteEnv>): Html {
  const say = sayIn(c);
  return html`<form method="post" action="/analytics">
<input type="hidden" name="token" value="${c.get("session")?.formToken ?? web.cookies.visitorToken(c)}">
<input type="hidden" name="back" value="${c.req.path}">
<p class="actions"><button class="button" name="choice" value="refuse">${say`Do not count me`}</button>
<button class="button" name="choice" value="allow">${say`Count my visits`}</button></p></form>`;
}

/** Asks whoever has not answered yet, on the pages that would be counted; nothing where there is nothing to ask. */
export function analyticsBanner(web: Web, c: Context<SiteEnv>): Html | undefined {
  if (web.analytics === undefined || c.get("session") !== undefined || c.req.method !== "GET")
    return undefined;
  if (!COUNTED.test(c.req.path) || choiceOf(web, c).kind !== "none") return undefined;
  const say = sayIn(c);
  return html`<section class="notice ask" aria-label="${say.text("Analytics")}"><p>${say`May we count your visits with Google Analytics? Only if you say so; your address is cut before it leaves our machine, and your browser never talks to Google. <a href="/analytics">More about it</a>`}</p>
${choiceForm(web, c)}</section>`;
}

/** Counts the pages of those who have allowed it, once the page is made. Nobody who is logged in is ever counted. */
export const countVisits =
  (web: Web): MiddlewareHandler<SiteEnv> =>
  async (c, next) => {
    await next();
    if (web.analytics === undefined || c.req.method !== "GET") return;
    if (!(c.res.headers.get("content-type") ?? "").startsWith("text/html")) return;
    const choice = choiceOf(web, c);
    if (choice.kind === "refused" && getCookie(c, cookieName(web)) !== undefined) refuse(web, c);
    if (choice.kind !== "allowed" || c.get("session") !== undefined) return;
    // A browser that fetches a page before anybody asked for it (Sec-Purpose, W3C Speculation Rules) visits nothing.
    if (c.res.status !== 200 || c.req.header("sec-purpose") !== undefined || !COUNTED.test(c.req.path))
      return;
    void web.analytics.visit({
      clientId: choice.clientId,
      address: web.clientAddress(c),
      location: `${web.analytics.origin}${c.req.path}`,
    });
  };

/** What stands in the data inventory, and so on the privacy page, where analytics are on. */
export const ANALYTICS_INVENTORY: readonly InventoryEntry[] = [
  {
    place: "cookie",
    table: "analytics cookie",
    column: "",
    what: "Whether the visitor allowed that visits are counted, and then a random text that tells this browser from others, in the visitor's own browser",
    purpose: "Counting the visits of those who allowed it, and asking nobody twice",
    lifetime: `${ALLOWED_DAYS} days where it was allowed; ${REFUSED_DAYS} days after the last visit where it was refused`,
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "visits that are counted",
    column: "",
    what: "Of those who allowed it, and are not logged in: the page, that random text, and the address without its last 8 bits (IPv6: 80 bits); sent to Google Analytics by the office",
    purpose: "Seeing which pages are read",
    lifetime: "not kept here; at Google as long as the operator has set there",
    aboutAccount: false,
  },
];

/** The choice and what it is about; pages and banner stand on this one form. */
export function addAnalyticsChoice(app: Hono<SiteEnv>, web: Web): void {
  app.post("/analytics", (c) => {
    const form = c.get("form");
    if (form.get("choice") === "allow") allow(web, c);
    else refuse(web, c);
    const back = form.get("back") ?? "/analytics";
    // A path of our own: what begins with two slashes is another host (RFC 3986 section 4.2).
    return c.redirect(/^\/(?!\/)[\w./-]{0,200}$/.test(back) ? back : "/analytics", 303);
  });
}
