import type { Context, Hono } from "hono";
import type { BegunOrder, Bought, Checkout } from "../../../billing/checkout.ts";
import type { Finished } from "../../../billing/providers.ts";
import { LeakyBuckets } from "../../../lib/leaky-buckets.ts";
import { METHODS } from "../../../policy/methods.ts";
import { formatMoney } from "../../../policy/money.ts";
import { dayAndTime } from "../../dates.ts";
import { type Html, html } from "../../html.ts";
import { languageOf, sayIn } from "../../languages/page-language.ts";
import { page } from "../../layout.ts";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";
import { cashInstructions } from "../cash.ts";
import { ORDER_COOKIE_DAYS, type OrderCookie } from "./cookie.ts";
import { isWebAddress } from "./onwards.ts";
import { receiptPanel, receiptText } from "./receipt-panel.ts";
import { FAILED_WORDING, REFUSED_WORDING } from "./wording.ts";

/** A page that waits for a provider asks again so often. */
const LOOK_AGAIN_S = 15;
/** Each look at an order is a request to the provider: so many at one go, and then one in so long. */
const LOOKS_BURST = 30;
const LOOK_EACH_MS = 5000;

interface Told {
  title: string;
  body: Html;
  status?: 200 | 502;
  /** The page asks again by itself. */
  waits?: boolean;
}

/** What a payment has bought: the days or the voucher, and the receipt. `orderId`: where this browser began it. */
async function boughtView(web: Web, c: Context<SiteEnv>, bought: Bought, orderId?: string): Promise<Told> {
  const say = sayIn(c);
  const { record, voucher } = bought;
  if (record.state !== "paid")
    return {
      title: "Given back",
      body: html`<h1>${say`Given back`}</h1><p class="lead">${say`This payment was given back, or taken back by the buyer’s bank. What it had paid for is over.`}</p>`,
    };
  const signUpAddress = `${web.publicUrl ?? new URL(c.req.url).origin}${languageOf(c).prefix}/sign-up`;
  const account = record.accountId && (await web.accounts.stampOf(record.accountId))?.account;
  const what =
    voucher === undefined
      ? html`<p class="lead">${say`${record.days} days are added to your account.`}</p>
${typeof account === "object" && account.paidUntil !== undefined && html`<p class="big">${say`Paid until ${dayAndTime(account.paidUntil, say)}`}</p>`}
<p><a class="button" href="/member">${say`Go to your account`}</a></p>`
      : html`<p class="lead">${say`Your voucher, good for ${record.days} days:`}</p>
<p class="big"><code class="code">${voucher}</code></p>
<p>${say`Write it down: whoever has it can use it, once. Redeem it as you <a href="/sign-up#voucher">sign up</a>, or in <a href="/member#voucher">your account</a>.`} ${say`As a gift: whoever gets it needs no account beforehand. They sign up with the code at ${signUpAddress}, and its days count at once.`}</p>
<p>${say`This page shows it again in this browser for ${ORDER_COOKIE_DAYS} days; we do not keep it.`}</p>`;
  return {
    title: "Thank you",
    body: html`<h1>${say`Thank you`}</h1>${what}${await receiptPanel(web, c, bought, orderId)}`,
  };
}

async function tell(
  web: Web,
  c: Context<SiteEnv>,
  checkout: Checkout,
  order: BegunOrder,
  outcome: Finished,
): Promise<Told> {
  const say = sayIn(c);
  const again = html`<p><a class="button" href="/order?plan=${order.plan}">${say`Order again`}</a></p>`;
  // What the provider and we find it by: pages that tell people to write to us show it.
  const reference = (outcome.state === "refused" && outcome.paymentId) || order.reference;
  const number = html`<p>${say`Its number: <code class="code">${reference}</code>`}</p>`;
  switch (outcome.state) {
    case "paid": {
      const bought = await checkout.bought(outcome.provider, outcome.paymentId);
      if (bought !== undefined) return boughtView(web, c, bought, order.id);
      return {
        title: "Bought a while ago",
        body: html`<h1>${say`Bought a while ago`}</h1><p class="lead">${say`This payment was counted so long ago that nothing of it is kept any more.`}</p>`,
      };
    }
    case "waiting":
      if (order.method === "cash") {
        return { title: "Cash by mail", body: cashInstructions(web, c, order) };
      }
      return {
        title: "Waiting for the payment",
        waits: true,
        body: html`<h1>${say`Waiting for the payment`}</h1>
<p class="lead">${say`The payment is on its way: ${say.text(METHODS[order.method].title)}, ${formatMoney(order.price, languageOf(c).tag)}. It counts as soon as it is confirmed, whether this page is open or not.`}</p>
<p>${say`The page looks again by itself. <a href="/order/return?order=${order.id}">Look now</a>`}</p>
${!order.forAccount && html`<p>${say`Come back with this browser within ${ORDER_COOKIE_DAYS} days: it alone shows your voucher.`}</p>`}`,
      };
    case "open":
      return {
        title: "Not paid yet",
        body: html`<h1>${say`Not paid yet`}</h1><p class="lead">${outcome.missing === undefined ? say`The price has not come, or not all of it so far.` : say`A part of the price has come. Still missing:`}</p>
${outcome.missing !== undefined && html`<p class="big">${outcome.missing.amount} ${outcome.missing.currency}</p><p>${say`Pay the rest on the same invoice while its time lasts: without it the part counts for nothing. Your wallet’s own fee comes on top.`}</p>`}
${outcome.redirect !== undefined && isWebAddress(outcome.redirect) && html`<p><a class="button" href="${outcome.redirect}">${say`Go on to the payment`}</a></p>`}
<p><a href="/order/return?order=${order.id}">${say`Look again`}</a></p>${again}`,
      };
    case "failed":
      return {
        title: "Not paid",
        body: html`<h1>${say`Not paid`}</h1><p class="lead">${say.text(FAILED_WORDING[outcome.reason])}</p>${(outcome.reason === "short" || outcome.reason === "expired") && number}${again}`,
      };
    case "refused":
      return {
        title: "Not counted",
        body: html`<h1>${say`Not counted`}</h1><p class="lead">${say.text(REFUSED_WORDING[outcome.reason])}</p>
<p>${outcome.refunded ? say`The money goes back to you by the way it came.` : say`Write to us with the payment’s number, and we settle it.`}</p>${!outcome.refunded && number}`,
      };
    case "unavailable":
      return {
        title: "The provider does not answer",
        status: 502,
        waits: true,
        body: html`<h1>${say`The payment provider does not answer`}</h1>
<p class="lead">${say`Whether you have paid is known there, and not lost: it counts as soon as the provider says so. This page looks again by itself.`}</p>
<p><a href="/order/return?order=${order.id}">${say`Look now`}</a></p>`,
      };
  }
}

const unknownOrder = (web: Web, c: Context<SiteEnv>): Response => {
  const say = sayIn(c);
  const body = html`<h1>${say`No order in this browser`}</h1>
<p class="lead">${say`An order is shown in the browser that began it, for ${ORDER_COOKIE_DAYS} days, and this one knows of none. Perhaps you paid in another one, or its cookies were deleted.`}</p>
<p>${say`A payment counts all the same: see <a href="/member">your account</a>. For a voucher that you can not see any more, write to us with the payment’s number: it stands in PayPal’s mail, or on the invoice that your wallet paid.`}</p>`;
  return page(web, c, { title: "No order in this browser", section: "pricing", body, status: 404 });
};

/** Where the buyer comes back to: what became of the order, the voucher, and the receipt. */
export function addOrderReturn(app: Hono<SiteEnv>, web: Web, checkout: Checkout, cookie: OrderCookie): void {
  const looks = new LeakyBuckets({ clock: web.clock, burst: LOOKS_BURST, oneEachMs: LOOK_EACH_MS });
  const finish = async (order: BegunOrder): Promise<Finished> =>
    looks.take(order.reference) === undefined ? { state: "unavailable" } : checkout.finish(order);
  const orderOf = (c: Context<SiteEnv>): BegunOrder | undefined => {
    const orders = cookie.read(c);
    const wanted = c.req.query("order");
    return wanted === undefined ? orders[0] : orders.find(({ id }) => id === wanted);
  };

  app.get("/order/return", async (c) => {
    const order = orderOf(c);
    if (order === undefined) return unknownOrder(web, c);
    const told = await tell(web, c, checkout, order, await finish(order));
    if (told.waits) c.header("refresh", String(LOOK_AGAIN_S));
    return page(web, c, {
      title: told.title,
      section: "pricing",
      body: told.body,
      status: told.status ?? 200,
    });
  });

  app.get("/order/receipt.txt", async (c) => {
    const order = orderOf(c);
    const outcome = order && (await finish(order));
    const bought =
      outcome?.state === "paid" ? await checkout.bought(outcome.provider, outcome.paymentId) : undefined;
    if (bought === undefined) return unknownOrder(web, c);
    return c.text(receiptText(web, sayIn(c), bought), 200, {
      "content-disposition": 'attachment; filename="receipt.txt"',
    });
  });

  app.get("/order/cancelled", (c) => {
    const say = sayIn(c);
    const order = orderOf(c);
    const body = html`<h1>${say`Nothing was paid`}</h1>
<p class="lead">${say`You came back without paying. Nothing was ordered, and nothing is stored.`}</p>
<p><a class="button" href="${order === undefined ? "/order" : `/order?plan=${order.plan}`}">${say`Choose again`}</a></p>`;
    return page(web, c, { title: "Nothing was paid", section: "pricing", body });
  });
}
