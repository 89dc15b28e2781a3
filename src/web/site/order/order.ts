import { randomBytes } from "node:crypto";
import type { Context, Hono } from "hono";
import type { AccountView } from "../../../accounts/account-view.ts";
import { networkOf } from "../../../accounts/login-throttle.ts";
import type { Checkout, CheckoutError } from "../../../billing/checkout.ts";
import { LeakyBuckets } from "../../../lib/leaky-buckets.ts";
import { METHODS, type PaymentMethod } from "../../../policy/methods.ts";
import { formatMoney, type Money } from "../../../policy/money.ts";
import type { Plan } from "../../../policy/plans.ts";
import { refundSentence } from "../../../policy/refund.ts";
import { errorPage } from "../../errors.ts";
import { field, formError, formToken, tokenField } from "../../forms.ts";
import { memberHere } from "../../gate.ts";
import { type Html, html } from "../../html.ts";
import { sentence } from "../../languages/language.ts";
import { languageOf, sayIn } from "../../languages/page-language.ts";
import { page } from "../../layout.ts";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";
import { giftCardNote } from "../gift-card-note.ts";
import type { OrderCookie } from "./cookie.ts";
import { onwards } from "./onwards.ts";
import { FIELD_OF, ORDER_WORDING } from "./wording.ts";

/** Orders that a network may begin at one go, and then one in so long: each is work for the payment provider, too. */
const ORDERS_BURST = 30;
const ORDERS_EACH_MS = 20_000;

interface Chosen {
  plan: string;
  method: string;
  coupon: string;
  /** `account` or `voucher`. */
  target: string;
  attempt: string;
}

interface Shown {
  chosen: Chosen;
  account: AccountView | undefined;
  methods: readonly PaymentMethod[];
  problem?: CheckoutError | undefined;
  /** What a coupon makes of the price. */
  quoted?: { plan: Plan; price: Money; percent: number } | undefined;
}

const choice = (options: {
  name: string;
  value: string;
  current: string;
  label: string | Html;
  hint?: string | Html | undefined;
}): Html => {
  const { name, value, current, label, hint } = options;
  const id = `${name}-${value}`;
  return html`<div class="check"><input type="radio" id="${id}" name="${name}" value="${value}"${value === current && html` checked`} required>
<label for="${id}">${label}${hint !== undefined && html` <span class="hint">${hint}</span>`}</label></div>`;
};

function orderPage(web: Web, c: Context<SiteEnv>, checkout: Checkout, shown: Shown): Response {
  const say = sayIn(c);
  const { tag } = languageOf(c);
  const { chosen, account, methods, problem, quoted } = shown;
  const errorOf = (name: string) =>
    problem !== undefined && FIELD_OF[problem] === name ? say.text(ORDER_WORDING[problem]) : undefined;
  const fieldError = (name: string) => {
    const text = errorOf(name);
    return text !== undefined && html`<p class="error">${text}</p>`;
  };
  const whole = problem !== undefined && FIELD_OF[problem] === undefined ? ORDER_WORDING[problem] : undefined;
  const body = html`<h1>${say`Buy`}</h1>
<p class="lead">${say`An order holds no name, no address and no e-mail address of yours. What the payment provider learns stands beside each way to pay.`}</p>
${giftCardNote(say, account !== undefined)}
${formError(problem && say.text(whole ?? sentence("Nothing was ordered. See below what to change.")))}
<form class="panel narrow" method="post" action="/order">${tokenField(formToken(web, c))}
<input type="hidden" name="attempt" value="${chosen.attempt}">
<fieldset><legend>${say`Plan`}</legend>${fieldError("plan")}
${checkout.plans.map((plan) =>
  choice({
    name: "plan",
    value: plan.id,
    current: chosen.plan,
    label: html`${say.text(plan.title)}: ${formatMoney(plan.price, tag)}`,
    hint: say`${plan.days} days of access`,
  }),
)}</fieldset>
<fieldset><legend>${say`For`}</legend>
${
  account === undefined
    ? html`<p>${say`You are not logged in, so you buy a <strong>voucher</strong>: a code for days of access, to be used by you or by whomever you give it to. To extend an account, <a href="/log-in">log in</a> first; to make one, <a href="/sign-up">sign up</a>.`}</p><input type="hidden" name="for" value="voucher">`
    : html`${choice({ name: "for", value: "account", current: chosen.target, label: say`My account, ${account.name}`, hint: say`The days are added to the end of your paid time.` })}
${choice({ name: "for", value: "voucher", current: chosen.target, label: say`A voucher`, hint: say`A code to give away, or to use later. Nothing ties it to your account.` })}`
}</fieldset>
<fieldset><legend>${say`Way to pay`}</legend>${fieldError("method")}
${methods
  .filter((method) => account !== undefined || !METHODS[method].needsAccount)
  .map((method) =>
    choice({
      name: "method",
      value: method,
      current: chosen.method,
      label: say.text(METHODS[method].title),
      hint: html`${METHODS[method].recurring && html`${say`Renews by itself until you cancel it at PayPal.`} `}${say.text(METHODS[method].elsewhere)}${METHODS[method].neverRefunded !== undefined && html` ${say`Never given back.`}`}`,
    }),
  )}
${account === undefined && methods.some((method) => METHODS[method].needsAccount) && html`<p class="muted">${say`A PayPal subscription is for an account: <a href="/log-in">log in</a> or <a href="/sign-up">sign up</a> first.`}</p>`}</fieldset>
${field({ name: "coupon", label: say.text("Coupon"), autocomplete: "off", value: chosen.coupon, hint: say.text("A code that takes something off the price. What was bought with a coupon is never given back."), error: errorOf("coupon") }, say)}
${quoted !== undefined && html`<div class="notice" role="status"><p>${say`With the coupon ${say.text(quoted.plan.title)} costs ${formatMoney(quoted.price, tag)} instead of ${formatMoney(quoted.plan.price, tag)} (${quoted.percent} % off).`}</p></div>`}
<p class="actions"><button class="button">${say`Order and pay`}</button>
<button class="button quiet" name="look" value="1" formnovalidate>${say`What does it cost with the coupon?`}</button></p>
</form>
${methods.includes("cash") && html`<p>${say`Sent cash already? <a href="/order/cash">Has my envelope arrived?</a>`}</p>`}
<p>${say.text(refundSentence("first-purchase-only"))} ${say.text(refundSentence("within-seven-days"))} ${say`All rules: <a href="/refunds">Refunds</a>, <a href="/cancellation">Cancellation</a>, <a href="/terms">Terms</a>.`}</p>`;
  return page(web, c, {
    title: problem === undefined ? "Buy" : "Error: buy",
    section: "pricing",
    body,
    status: problem === undefined ? 200 : problem === "provider-unavailable" ? 503 : 422,
    description: say.text("Choose a plan and a way to pay"),
  });
}

const closedPage = (web: Web, c: Context<SiteEnv>): Response => {
  const say = sayIn(c);
  const body = html`<h1>${say`Buy`}</h1><p class="lead">${say`At the moment nothing can be bought here.`}</p>
<p>${say`A voucher can be redeemed in <a href="/member">your account</a>, or as you <a href="/sign-up">sign up</a>.`}</p>`;
  return page(web, c, { title: "Buy", section: "pricing", body });
};

/** Choosing a plan and a way to pay, for the own account or as a voucher. */
export function addOrder(app: Hono<SiteEnv>, web: Web, checkout: Checkout, cookie: OrderCookie): void {
  const throttle = new LeakyBuckets({ clock: web.clock, burst: ORDERS_BURST, oneEachMs: ORDERS_EACH_MS });
  const accountOf = async (c: Context<SiteEnv>): Promise<AccountView | undefined> =>
    (await memberHere(web, c))?.account;

  app.get("/order", async (c) => {
    const methods = await checkout.methods();
    if (methods.length === 0 || checkout.plans.length === 0) return closedPage(web, c);
    const account = await accountOf(c);
    const wanted = c.req.query("plan");
    const chosen: Chosen = {
      plan: (checkout.plans.find(({ id }) => id === wanted) ?? checkout.plans[0]!).id,
      method: "",
      coupon: "",
      target: account === undefined || account.terminated ? "voucher" : "account",
      attempt: randomBytes(12).toString("base64url"),
    };
    return orderPage(web, c, checkout, { chosen, account, methods });
  });

  app.post("/order", async (c) => {
    const form = c.get("form");
    const said = (name: string) => (form.get(name) ?? "").trim().slice(0, 200);
    const [account, methods] = await Promise.all([accountOf(c), checkout.methods()]);
    if (methods.length === 0) return closedPage(web, c);
    const chosen: Chosen = {
      plan: said("plan"),
      method: said("method"),
      coupon: said("coupon"),
      target: said("for"),
      attempt: said("attempt"),
    };
    const again = (problem: CheckoutError) =>
      orderPage(web, c, checkout, { chosen, account, methods, problem });
    if (said("look") !== "") {
      const quote = await checkout.quote(chosen.plan, chosen.coupon);
      return quote.ok
        ? orderPage(web, c, checkout, {
            chosen,
            account,
            methods,
            quoted: quote.value.percent === 0 ? undefined : quote.value,
          })
        : again(quote.error);
    }
    // Who was logged out meanwhile meant their account: they are not sold a voucher instead.
    if (chosen.target === "account" && account === undefined) return c.redirect("/log-in?why=ended", 303);
    if (throttle.take(networkOf(web.clientAddress(c))) === undefined) return errorPage(web, c, "order-slow");
    const origin = `${web.publicUrl ?? new URL(c.req.url).origin}${languageOf(c).prefix}`;
    const begun = await checkout.begin(
      {
        planId: chosen.plan,
        method: chosen.method,
        coupon: chosen.coupon,
        account: chosen.target === "account" ? account : undefined,
        // With the token of this browser's forms: two browsers never share an order, whatever they send as the attempt.
        attempt: `${form.get("token")} ${chosen.attempt}`,
      },
      (id) => ({
        returnTo: `${origin}/order/return?order=${id}`,
        cancelled: `${origin}/order/cancelled?order=${id}`,
      }),
    );
    if (!begun.ok) return again(begun.error);
    const { order, redirect } = begun.value;
    cookie.add(c, order);
    if (redirect.startsWith(`${origin}/`)) return c.redirect(redirect, 303);
    return onwards(web, c, order, redirect);
  });
}
