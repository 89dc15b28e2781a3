import type { Context } from "hono";
import type { BegunOrder } from "../../../billing/checkout.ts";
import { METHODS } from "../../../policy/methods.ts";
import { formatMoney } from "../../../policy/money.ts";
import { errorPage } from "../../errors.ts";
import { html } from "../../html.ts";
import { languageOf, sayIn } from "../../languages/page-language.ts";
import { page } from "../../layout.ts";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";

/** What a provider answers is another's text: nothing but a web address goes into a link. */
export const isWebAddress = (text: string): boolean =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

/**
 * The step to the payment provider, as a page of its own: browsers hold the redirect after a form against the page's
 * `form-action` (CSP Level 3, section 6.4.1), which names no other site.
 */
export function onwards(web: Web, c: Context<SiteEnv>, order: BegunOrder, redirect: string): Response {
  const say = sayIn(c);
  if (!isWebAddress(redirect)) return errorPage(web, c, "internal");
  const url = new URL(redirect);
  c.header("refresh", `0; url=${url.href}`);
  const body = html`<h1>${say`On to the payment`}</h1>
<p class="lead">${say`You pay ${formatMoney(order.price, languageOf(c).tag)}: ${say.text(METHODS[order.method].title)}.`}</p>
<p><a class="button" href="${url.href}">${say`Go on to ${url.host}`}</a></p>
<p class="muted">${say`Your browser goes there by itself. That site, and not we, asks you for what it needs to take the payment. Come back with this browser: it alone opens what you have bought.`}</p>`;
  return page(web, c, { title: "On to the payment", section: "pricing", body });
}
