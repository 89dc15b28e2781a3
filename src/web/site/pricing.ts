import type { Hono } from "hono";
import { rulesOf } from "../../policy/all-rules.ts";
import { METHODS } from "../../policy/methods.ts";
import { formatMoney } from "../../policy/money.ts";
import { type Plan, savingPercent } from "../../policy/plans.ts";
import { REFUND_DAYS } from "../../policy/refund.ts";
import type { PolicyValues } from "../../policy/rule.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { languageOf, sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { ownText } from "../own-texts.ts";
import { policyNow } from "../policy-values.ts";
import type { Web } from "../web.ts";
import { giftCardNote } from "./gift-card-note.ts";

/** What one reads before one buys: the rule sentences that matter then. */
const BEFORE_BUYING = [
  "within-seven-days",
  "first-purchase-only",
  "expires-by-itself",
  "subscription-paypal-only",
  "no-limit",
  "own-devices",
];

function planCard(say: Say, plan: Plan, values: PolicyValues, tag: string, toOrder: boolean): Html {
  const saving = savingPercent(plan, values.plans);
  return html`<section class="panel plan"><h2>${say.text(plan.title)}</h2>
<p class="big">${formatMoney(plan.price, tag)}</p>
<p>${say`${plan.days} days of access`}${saving > 0 && html`<br>${say`${saving} % cheaper per day`}`}</p>
${toOrder && html`<p class="buy"><a class="button" href="/order?plan=${plan.id}">${say`Buy`}<span class="unseen"> ${say.text(plan.title)}</span></a></p>`}
</section>`;
}

const methodsTable = (say: Say, { methods }: PolicyValues): Html => html`<div class="panel"><table>
<caption>${say`Ways to pay, and who learns what`}</caption>
<thead><tr><th scope="col">${say`Way`}</th><th scope="col">${say`What we store`}</th><th scope="col">${say`What others learn`}</th><th scope="col">${say`Refund`}</th></tr></thead>
<tbody>${methods.map((method) => {
  const { title, stored, elsewhere, neverRefunded } = METHODS[method];
  return html`<tr><th scope="row">${say.text(title)}</th>
<td data-label="${say.text("What we store")}">${say.text(stored)}</td>
<td data-label="${say.text("What others learn")}">${say.text(elsewhere)}</td>
<td data-label="${say.text("Refund")}">${neverRefunded === undefined ? say`first purchase, within ${REFUND_DAYS} days` : say`never`}</td></tr>`;
})}</tbody></table></div>`;

/** What it costs, how it is paid, and what holds then. */
export function addPricing(app: Hono<SiteEnv>, web: Web): void {
  app.get("/pricing", async (c) => {
    const say = sayIn(c);
    const { tag } = languageOf(c);
    const values = await policyNow(web);
    const { plans, methods, buying } = values;
    const toOrder = buying && methods.length > 0 && web.has("/order");
    const { before, after } = ownText(
      web,
      c,
      "pricing",
      say`<p class="lead">Every plan has everything: all servers, all services, all your devices. They differ in how long they last.</p>`,
    );
    const rules = [
      ...rulesOf("refunds", values),
      ...rulesOf("cancellation", values),
      ...rulesOf("fair-use", values),
      ...rulesOf("personal-use", values),
    ].filter(({ id }) => BEFORE_BUYING.includes(id));
    const body = html`<h1>${say`Pricing`}</h1>
${before}
${
  plans.length === 0
    ? html`<div class="notice"><p>${say`Nothing is sold here: paid time comes from vouchers. Ask the operator for one.`}</p></div>`
    : html`<div class="columns">${plans.map((plan) => planCard(say, plan, values, tag, toOrder))}</div>`
}
${plans.length > 0 && giftCardNote(say, false)}
${!toOrder && plans.length > 0 && html`<div class="notice"><p>${say`At the moment nothing can be bought here. A voucher can be redeemed in your account, or as you sign up.`}</p></div>`}
${toOrder && methodsTable(say, values)}
<section class="panel"><h2>${say`Before you buy`}</h2>
<ul>${rules.map(({ sentence }) => html`<li>${say.text(sentence)}</li>`)}</ul>
<p>${say`All of it: <a href="/terms">Terms</a>, <a href="/refunds">Refunds</a>, <a href="/cancellation">Cancellation</a>, <a href="/personal-use">Personal use</a>, <a href="/fair-use">Fair use</a>.`}</p></section>
${after}`;
    return page(web, c, {
      title: "Pricing",
      section: "pricing",
      body,
      description: say.text("What {0} costs, and how it can be paid", web.siteName),
    });
  });
}
