import { randomBytes } from "node:crypto";
import type { Context, Hono } from "hono";
import { networkOf } from "../../accounts/login-throttle.ts";
import { CASH_CODE_CHARACTERS, CASH_CODE_GROUP, type Cash } from "../../billing/cash.ts";
import type { BegunOrder, Checkout } from "../../billing/checkout.ts";
import { LeakyBuckets } from "../../lib/leaky-buckets.ts";
import { grouped, plainCode } from "../../lib/typed-code.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { formatMoney } from "../../policy/money.ts";
import { field, tokenField } from "../forms.ts";
import { type Html, html } from "../html.ts";
import { languageOf, sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import type { OrderCookie } from "./order/cookie.ts";

/** Codes that a network may try at one go, and then one in so long. A code has 80 bits; this is for our own work's sake. */
const TRIES_BURST = 20;
const TRIES_EACH_MS = 30_000;

/** What to put into the envelope, and where to send it. */
export function cashInstructions(web: Web, c: Context<SiteEnv>, order: BegunOrder): Html {
  const say = sayIn(c);
  const price = formatMoney(order.price, languageOf(c).tag);
  const address = web.buying?.cash?.address ?? [];
  return html`<h1>${say`Cash by mail`}</h1>
<p class="lead">${say`Put ${price} in cash and a piece of paper with this code into an envelope, and nothing else:`}</p>
<p class="big"><code class="code">${grouped(order.reference, CASH_CODE_GROUP)}</code></p>
<section class="panel"><h2>${say`Where to send it`}</h2>
<address>${address.map((line, index) => html`${index > 0 && html`<br>`}${line}`)}</address></section>
<section class="panel"><h2>${say`Good to know`}</h2><ul>
<li>${say`Write the code down. It is shown in this browser for some days, and stored nowhere: it alone leads from the envelope to your order.`}</li>
<li>${order.forAccount ? say`Your account is extended on the day on which the envelope is opened.` : say`Once the envelope is opened, <a href="/order/cash">this page</a> shows your voucher to whoever has the code. Keep it to yourself.`}</li>
<li>${say`Leave your name, and the sender’s address, off the envelope and the paper.`}</li>
<li>${say`Post can get lost, and cash is never given back. The order is forgotten after ${LIFETIMES.cashOrder.days} days.`}</li>
</ul>
<p><a href="/order/cash">${say`Has my envelope arrived?`}</a></p></section>`;
}

/** Looking after an envelope: with its code, in any browser. */
export function addCash(
  app: Hono<SiteEnv>,
  web: Web,
  { cash, checkout, cookie }: { cash: Cash; checkout: Checkout; cookie: OrderCookie },
): void {
  const tries = new LeakyBuckets({ clock: web.clock, burst: TRIES_BURST, oneEachMs: TRIES_EACH_MS });

  const show = (
    c: Context<SiteEnv>,
    typed: string,
    error?: string,
    status: 200 | 404 | 429 = 200,
  ): Response => {
    const say = sayIn(c);
    const body = html`<h1>${say`Has my envelope arrived?`}</h1>
<p class="lead">${say`With the code that you have put into the envelope you see whether it was opened, and the voucher, if it was for one.`}</p>
<form class="panel narrow" method="post" action="/order/cash">${tokenField(c.get("session")?.formToken ?? web.cookies.visitorToken(c))}
${field({ name: "code", label: say.text("Code"), required: true, autocomplete: "off", value: typed, hint: say.text("Such as abcd-efgh-ijkl-mnop; capitals, dashes and spaces do not matter."), error })}
<button class="button">${say`Look`}</button></form>`;
    const title = error === undefined ? "Has my envelope arrived?" : "Error: has my envelope arrived?";
    return page(web, c, { title, section: "pricing", body, status });
  };

  /** The order of a code, as the browser that began it has it. */
  const orderOf = async (typed: string): Promise<BegunOrder | undefined> => {
    const reference = plainCode(typed, CASH_CODE_CHARACTERS);
    if (reference === undefined) return undefined;
    const common = { id: randomBytes(6).toString("base64url"), method: "cash" as const, reference };
    const waiting = await cash.look(reference);
    if (waiting !== undefined)
      return {
        ...common,
        plan: waiting.plan,
        price: waiting.price,
        forAccount: waiting.kind === "account",
      };
    const record = (await checkout.bought("cash", reference))?.record;
    return (
      record && {
        ...common,
        plan: record.plan,
        price: record.paid,
        forAccount: record.accountId !== undefined,
      }
    );
  };

  app.get("/order/cash", (c) => show(c, ""));

  app.post("/order/cash", async (c) => {
    const say = sayIn(c);
    const typed = (c.get("form").get("code") ?? "").slice(0, 100);
    if (tries.take(networkOf(web.clientAddress(c))) === undefined)
      return show(
        c,
        typed,
        say.text("Too many codes were tried from here. Wait a minute, then try again."),
        429,
      );
    const order = await orderOf(typed);
    if (order === undefined)
      return show(
        c,
        typed,
        say.text(
          "There is no order with this code. Compare it with your paper; after {0} days an order that was not paid is forgotten.",
          LIFETIMES.cashOrder.days,
        ),
        404,
      );
    cookie.add(c, order);
    return c.redirect(`/order/return?order=${order.id}`, 303);
  });
}
