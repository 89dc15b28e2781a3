import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type Html, html } from "./html.ts";
import type { Say } from "./languages/language.ts";
import { sayIn } from "./languages/page-language.ts";
import { page } from "./layout.ts";
import type { SiteEnv } from "./options.ts";
import { NAVIGATION } from "./site-map.ts";
import type { Web } from "./web.ts";

/** What can go wrong with any request. The pages say what to do and repeat nothing of what was sent. */
export const ERRORS = {
  "not-found": [404, "Page not found", "There is no page at this address."],
  "method-not-allowed": [405, "That does not work here", "This address does not take that kind of request."],
  "too-large": [
    413,
    "Too much text",
    "What was sent is larger than any form here can be (64 KB). Nothing was changed.",
  ],
  "not-understood": [
    400,
    "Not understood",
    "The request could not be read: see /api/openapi.json for what is expected.",
  ],
  "wrong-type": [415, "Wrong type of content", "Send JSON, with Content-Type: application/json."],
  "not-logged-in": [
    401,
    "Not logged in",
    "Send Authorization: Bearer with a token from POST /api/v1/tokens. A token ends after a day, and when the password is changed.",
  ],
  "form-foreign": [
    403,
    "Sent from another site",
    "Your browser says this form was sent from another website, so it was not carried out. If you meant to do this, do it from our own pages.",
  ],
  "form-token": [
    403,
    "This form is out of date",
    "It was opened before you logged in or out, or your browser does not keep cookies for this site. Nothing was changed. Open the page again and send the form once more.",
  ],
  "form-type": [
    415,
    "Not a form",
    "This address only takes forms that were sent from its own page. Nothing was changed.",
  ],
  "slow-down": [429, "Too many tries", "Too many wrong tries were made. Wait a few minutes, then try again."],
  "sign-up-slow": [
    429,
    "Too many new accounts",
    "Many accounts were made from your network just now. Wait a few minutes, or sign up with a voucher.",
  ],
  "sign-up-closed": [
    403,
    "No new accounts at the moment",
    "The operator has closed the sign-up. Nothing was stored. Existing accounts go on as ever.",
  ],
  "mail-slow": [
    429,
    "Too many letters",
    "Many letters were asked for just now, from your network or to this address. Wait some minutes, then try again.",
  ],
  "letters-slow": [
    429,
    "Too many letters",
    "Many letters came from your network just now. Nothing was sent: wait ten minutes, go back, and send yours again.",
  ],
  "looks-slow": [
    429,
    "Too many requests",
    "Many tickets were opened from your network just now. Nothing was changed: wait a minute, then try again.",
  ],
  "searches-slow": [
    429,
    "Too many searches",
    "Your network has searched a great deal just now. All articles stand in the help centre without a search; or wait a minute.",
  ],
  "order-slow": [
    429,
    "Too many orders",
    "Many orders were begun from your network just now. Nothing was ordered: wait a minute, then try again.",
  ],
  busy: [
    503,
    "Very busy at the moment",
    "More people than usual are logging in. Try again in a few seconds.",
  ],
  unwritable: [
    503,
    "Nothing can be saved at the moment",
    "The disk is full or does not answer. Nothing was changed. Try again later.",
  ],
  internal: [
    500,
    "Something went wrong on our side",
    "It is not your fault. Try again in a moment; if it stays, ask the operator.",
  ],
  gone: [
    404,
    "This account is gone",
    "The account you were logged in to has been deleted. Nothing of it is left here.",
  ],
} as const satisfies Record<string, readonly [ContentfulStatusCode, string, string]>;

export type ErrorCode = keyof typeof ERRORS;

/** Where somebody may have wanted to go who followed an old link or mistyped an address. */
const ways = (
  web: Web,
  say: Say,
): Html => html`<p>${say`It may have moved, or the address may have a slip in it. These are here:`}</p>
<ul><li><a href="/">${say`Start page`}</a></li>
${NAVIGATION.filter(({ path }) => web.has(path)).map(({ path, text }) => html`<li><a href="${path}">${say.text(text)}</a></li>`)}
<li><a href="/member">${say`Your account`}</a></li></ul>`;

/** The error as a page, or as `{"error": {code, message}}` below /api. */
export function errorPage(web: Web, c: Context<SiteEnv>, code: ErrorCode): Response {
  const [status, title, text] = ERRORS[code];
  if (status === 429) c.header("retry-after", "300");
  if (status === 503) c.header("retry-after", "5");
  // Who is told this saw no member's page: the gate need not have been asked.
  c.set("asked", true);
  if (status === 401) c.header("www-authenticate", "Bearer");
  if (c.req.path.startsWith("/api/")) return c.json({ error: { code, message: text } }, status);
  const say = sayIn(c);
  const body = html`<h1>${say.text(title)}</h1><p class="lead">${say.text(text)}</p>
${code === "not-found" ? ways(web, say) : html`<p><a href="/">${say`Go to the start page`}</a></p>`}`;
  return page(web, c, { title, body, status });
}
