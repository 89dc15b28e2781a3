import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { onEachStore } from "../../store/testing.ts";
import { PAYPAL_EVENTS } from "./events.ts";
import { openShop, PRICE, type Shop } from "./testing.ts";

let shop: Shop;
let paypal: Shop["paypal"];
before(async () => {
  shop = await openShop();
  ({ paypal } = shop);
});
after(() => shop.close());

const last = (type: string) => shop.events(type).at(-1)!;

/** A member who has paid once and whose capture's event waits. */
async function paid(name: string): Promise<{ accountId: string; paymentId: string; reference: string }> {
  const accountId = await shop.member(name);
  const reference = await shop.approved({ accountId });
  const finished = await shop.oneOff.finish(reference);
  if (finished.state !== "paid") throw new Error(finished.state);
  return { accountId, paymentId: finished.paymentId, reference };
}

const refused = async (spoiled: Parameters<Shop["deliver"]>[1]) => {
  const accountId = await shop.member(`forged-${Math.random().toString(36).slice(2, 10)}`);
  await shop.approved({ accountId });
  const event = last("CHECKOUT.ORDER.APPROVED");
  assert.equal(await shop.deliver(event, spoiled), "refused");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.equal(paypal.state.orders.get(JSON.parse(event.body).resource.id)?.captures.length, 0);
};

test("forged, altered, foreign and stale events are refused and change nothing", async () => {
  await refused({ headers: { "paypal-transmission-sig": "A".repeat(344) } });
  await refused({ headers: { "paypal-transmission-sig": undefined } });
  await refused({ headers: { "paypal-cert-url": undefined } });
  await refused({ headers: { "paypal-auth-algo": "SHA1withRSA" } });
  await refused({ headers: { "paypal-transmission-id": "a|b" } });
  await refused({ webhookId: "ANOTHERWEBHOOK1" });
  await refused({ body: '{"id":"WH-1","event_type":"CHECKOUT.ORDER.APPROVED","resource":{}}' });
  await refused({ ageMs: 4 * 86_400_000 + 60_000 });
  await refused({ ageMs: -3_600_000 });
  await refused({ leaf: paypal.authority.issue({ ownKey: true }) });
  assert.ok(shop.logged.includes("webhook-refused outdated"));
});

test("a buyer who approves and never comes back gets what they paid for", async () => {
  const accountId = await shop.member("closed-window");
  await shop.approved({ accountId });
  assert.equal(await shop.deliver(last("CHECKOUT.ORDER.APPROVED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(await shop.deliver(last("PAYMENT.CAPTURE.COMPLETED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("an event that comes twenty times, at once and later, counts once", async () => {
  const accountId = await shop.member("twenty");
  const reference = await shop.approved({ accountId });
  const approved = last("CHECKOUT.ORDER.APPROVED");
  await Promise.all(Array.from({ length: 10 }, () => shop.deliver(approved)));
  const completed = last("PAYMENT.CAPTURE.COMPLETED");
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, () => shop.deliver(completed)),
    shop.oneOff.finish(reference),
  ]);
  assert.ok(answers.every((answer) => answer === "done" || typeof answer === "object"));
  assert.equal(await shop.paidDays(accountId), 30);
});

test("an event is asked about, not believed: a signed one with another amount changes nothing", async () => {
  const { accountId, paymentId } = await paid("asked");
  // Signed by PayPal's own key, as one bent to the same CRC-32 would be.
  const made = paypal.events.make("PAYMENT.CAPTURE.COMPLETED", "capture", {
    id: "NOSUCHCAPTURE1",
    status: "COMPLETED",
    amount: { currency_code: "EUR", value: "5.00" },
    custom_id: shop.order({ accountId }).text,
  });
  assert.equal(await shop.deliver(made), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  const reversal = paypal.events.make("PAYMENT.CAPTURE.REFUNDED", "refund", {
    id: "R1",
    links: [{ rel: "up", href: `${paypal.url}/v2/payments/captures/${paymentId}`, method: "GET" }],
  });
  assert.equal(await shop.deliver(reversal), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("another shop's payments at the same PayPal account are none of our business", async () => {
  for (const [type, resource] of [
    [
      "PAYMENT.CAPTURE.COMPLETED",
      { id: "X1", status: "COMPLETED", amount: { currency_code: "EUR", value: "5.00" } },
    ],
    ["PAYMENT.SALE.COMPLETED", { id: "X2", state: "completed", amount: { total: "5.00", currency: "EUR" } }],
    ["CHECKOUT.ORDER.APPROVED", { id: "X3", status: "APPROVED" }],
    ["PAYMENT.SALE.REVERSED", { id: "X4", state: "completed", amount: { total: "-0.49", currency: "USD" } }],
    ["PAYMENT.CAPTURE.REVERSED", { id: "X5", links: [] }],
    ["BILLING.SUBSCRIPTION.ACTIVATED", { id: "I-X6", status: "ACTIVE" }],
    [
      "CUSTOMER.DISPUTE.RESOLVED",
      { dispute_id: "PP-1", disputed_transactions: [{ seller_transaction_id: "X7" }] },
    ],
    ["INVOICING.INVOICE.PAID", { anything: true }],
  ] as const)
    assert.equal(await shop.deliver(paypal.events.make(type, "any", resource)), "done", type);
});

test("while PayPal cannot be asked an event is to be delivered again", async (t) => {
  const accountId = await shop.member("later");
  await shop.approved({ accountId });
  t.after(() => delete paypal.wrong.down);
  paypal.wrong.down = 503;
  assert.equal(await shop.deliver(last("CHECKOUT.ORDER.APPROVED")), "later");
  delete paypal.wrong.down;
  assert.equal(await shop.deliver(last("CHECKOUT.ORDER.APPROVED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("a chargeback, months later, ends what it paid for and nothing else", async () => {
  const { accountId, paymentId } = await paid("chargeback");
  const second = await shop.oneOff.finish(await shop.approved({ accountId }));
  assert.equal(second.state, "paid");
  assert.equal(await shop.paidDays(accountId), 60);
  // The first payment's thirty days are over.
  shop.clock.advance(45 * 86_400_000);
  const event = paypal.reverse(paymentId);
  for (let times = 0; times < 3; times += 1) assert.equal(await shop.deliver(event), "done");
  assert.equal(await shop.paidDays(accountId), 15);
  // The second's are not.
  const other = paypal.reverse(second.state === "paid" ? second.paymentId : "");
  assert.equal(await shop.deliver(other), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.notEqual(await shop.accounts.stampOf(accountId), undefined);
});

test("a chargeback that comes before the payment's own event: that then counts for nothing", async () => {
  const accountId = await shop.member("order-of-arrival");
  const reference = await shop.approved({ accountId });
  // Taken by another machine of ours that died before it wrote anything.
  await shop.shop.client.capture(reference);
  const completed = last("PAYMENT.CAPTURE.COMPLETED");
  const [capture] = paypal.state.orders.get(reference)!.captures;
  assert.equal(await shop.deliver(paypal.reverse(capture!.id)), "done");
  assert.equal(await shop.deliver(completed), "done");
  assert.equal(await shop.paidDays(accountId), 0);
});

test("a chargeback that came before the payment's own event and is decided for us: the payment counts then", async () => {
  const accountId = await shop.member("won-before-counted");
  const reference = await shop.approved({ accountId });
  await shop.shop.client.capture(reference);
  const completed = last("PAYMENT.CAPTURE.COMPLETED");
  const [capture] = paypal.state.orders.get(reference)!.captures;
  assert.equal(await shop.deliver(paypal.reverse(capture!.id)), "done");
  assert.equal(await shop.deliver(completed), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  const won = paypal.resolveDispute(capture!.id, "RESOLVED_SELLER_FAVOUR");
  for (let times = 0; times < 3; times += 1) {
    assert.equal(await shop.deliver(won), "done");
    assert.equal(await shop.deliver(completed), "done");
    assert.equal(await shop.paidDays(accountId), 30);
  }
  // News of the reversal that was won ends nothing any more.
  assert.equal(await shop.deliver(shop.events("PAYMENT.CAPTURE.REVERSED").at(-1)!), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("a chargeback while a refund is on its way ends the days also where PayPal has forgotten the subscription", async () => {
  const accountId = await shop.member("forgotten-subscription");
  const reference = await shop.approved({ accountId }, "subscription");
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  const paymentId = paypal.state.subscriptions.get(reference)!.sales[0]!.id;
  assert.ok((await shop.payments.back.beginRefund("paypal", paymentId)).ok);
  const reversed = paypal.reverse(paymentId);
  paypal.state.subscriptions.delete(reference);
  assert.equal(await shop.deliver(reversed), "done");
  assert.equal(await shop.paidDays(accountId), 0);
});

test("a dispute that the buyer wins ends what it was about; one that is lost, or won later, does not", async () => {
  const { accountId, paymentId } = await paid("dispute");
  assert.equal(await shop.deliver(paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  const lost = paypal.resolveDispute(paymentId, "RESOLVED_BUYER_FAVOUR");
  assert.equal(await shop.deliver(lost), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.equal(await shop.deliver(paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  // The older news arrives once more: how it stands now decides.
  assert.equal(await shop.deliver(lost), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("a chargeback that was given back by hand stays ended when the buyer drops the dispute", async () => {
  const { accountId, paymentId } = await paid("dropped");
  assert.equal(await shop.deliver(paypal.reverse(paymentId)), "done");
  paypal.refundPartly(paymentId, "5.00");
  assert.equal(await shop.deliver(last("PAYMENT.CAPTURE.REFUNDED")), "done");
  assert.equal(await shop.deliver(paypal.resolveDispute(paymentId, "CANCELED_BY_BUYER")), "done");
  assert.equal(await shop.paidDays(accountId), 0);
});

test("a reversal that is delivered again when its dispute was won ends nothing; another one does", async () => {
  const { accountId, paymentId } = await paid("won-again");
  const reversal = paypal.reverse(paymentId);
  assert.equal(await shop.deliver(reversal), "done");
  assert.equal(await shop.deliver(paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR")), "done");
  assert.equal(await shop.deliver(reversal), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(await shop.deliver(paypal.reverse(paymentId)), "done");
  assert.equal(await shop.paidDays(accountId), 0);
});

test("old news of a dispute that was won gives nothing while another one about the payment is lost", async () => {
  const { accountId, paymentId } = await paid("two-disputes");
  assert.equal(await shop.deliver(paypal.reverse(paymentId)), "done");
  const won = paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR");
  assert.equal(await shop.deliver(won), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(await shop.deliver(paypal.reverse(paymentId)), "done");
  const lost = paypal.resolveDispute(paymentId, "RESOLVED_BUYER_FAVOUR", "another");
  assert.equal(await shop.deliver(lost), "done");
  assert.equal(await shop.deliver(won), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  // The lost one is decided anew, for us.
  [...paypal.state.disputes.values()].at(-1)!.dispute_outcome = { outcome_code: "RESOLVED_SELLER_FAVOUR" };
  assert.equal(await shop.deliver(lost), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("old news of a dispute that was won gives nothing while another one has taken the money again", async () => {
  const { accountId, paymentId } = await paid("disputed-anew");
  const later = () => shop.clock.advance(86_400_000);
  const first = paypal.reverse(paymentId);
  assert.equal(await shop.deliver(first), "done");
  later();
  const won = paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR");
  assert.equal(await shop.deliver(won), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  later();
  assert.equal(await shop.deliver(paypal.reverse(paymentId)), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  for (const old of [won, first, won]) assert.equal(await shop.deliver(old), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  later();
  // The same dispute may be taken up again: what is decided then is news.
  const again = paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR");
  assert.equal(await shop.deliver(again), "done");
  assert.equal(await shop.paidDays(accountId), 29);
});

test("a dispute that was won is told before the chargeback that it ended: nothing is taken", async () => {
  const { accountId, paymentId } = await paid("told-late");
  const reversal = paypal.reverse(paymentId);
  shop.clock.advance(86_400_000);
  assert.equal(await shop.deliver(paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR")), "done");
  assert.equal(await shop.deliver(reversal), "done");
  assert.equal(await shop.paidDays(accountId), 29);
  // The next one is taken, and lost.
  shop.clock.advance(86_400_000);
  assert.equal(await shop.deliver(paypal.reverse(paymentId)), "done");
  assert.equal(
    await shop.deliver(paypal.resolveDispute(paymentId, "RESOLVED_BUYER_FAVOUR", "another")),
    "done",
  );
  assert.equal(await shop.deliver(reversal), "done");
  assert.equal(await shop.paidDays(accountId), 0);
});

test("an order with a coupon, sealed for one payment, pays for nothing as a subscription", async () => {
  const accountId = await shop.member("replayed");
  await shop.approved({ accountId }, "subscription");
  const { text } = shop.order({
    accountId,
    days: 365,
    price: { minor: 50, currency: "EUR" },
    coupon: "a".repeat(20),
  });
  // As whoever knows the app's public id can begin one, in their own browser.
  const made = await shop.shop.client.createSubscription({
    planId: [...paypal.state.plans.keys()][0]!,
    customId: text,
    siteName: "Example Collective",
    returnUrl: "https://vpn.example.net/order/return",
    cancelUrl: "https://vpn.example.net/order/cancelled",
  });
  assert.ok(made.ok);
  paypal.approve(made.value.id);
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  const subscription = paypal.state.subscriptions.get(made.value.id)!;
  assert.equal(subscription.status, "CANCELLED");
  assert.equal(subscription.sales[0]!.state, "refunded");
});

test("an order that pays somebody else, with one of our sealed orders in it, is neither captured nor counted", async () => {
  const accountId = await shop.member("paid-elsewhere");
  const base = paypal.url;
  // An order of our own has shown whose account ours is.
  await shop.approved({ accountId });
  const basic = Buffer.from(`${paypal.clientId}:${paypal.secret}`).toString("base64");
  const call = async (path: string, authorization: string, body: string, type = "application/json") => {
    const headers = { authorization, "content-type": type };
    return (await (await fetch(base + path, { method: "POST", headers, body })).json()) as Record<
      string,
      string
    >;
  };
  const { access_token } = await call(
    "/v1/oauth2/token",
    `Basic ${basic}`,
    "grant_type=client_credentials",
    "application/x-www-form-urlencoded",
  );
  const bearer = `Bearer ${access_token}`;
  const elsewhere = async () => {
    const urls = { return_url: "https://evil.example/", cancel_url: "https://evil.example/" };
    const made = await call(
      "/v2/checkout/orders",
      bearer,
      JSON.stringify({
        intent: "CAPTURE",
        purchase_units: [
          {
            custom_id: shop.order({ accountId }).text,
            amount: { currency_code: "EUR", value: "5.00" },
            payee: { merchant_id: "EVILEVILEVIL2" },
          },
        ],
        payment_source: { paypal: { experience_context: urls } },
      }),
    );
    paypal.approve(made.id!);
    return made.id!;
  };
  const first = await elsewhere();
  assert.equal(await shop.deliver(last("CHECKOUT.ORDER.APPROVED")), "done");
  assert.equal(paypal.state.orders.get(first)!.captures.length, 0);
  // Captured by that browser itself.
  const second = await elsewhere();
  await call(`/v2/checkout/orders/${second}/capture`, bearer, "{}");
  assert.equal(await shop.deliver(last("PAYMENT.CAPTURE.COMPLETED")), "done");
  assert.equal(await shop.deliver(last("CHECKOUT.ORDER.APPROVED")), "done");
  assert.equal((await shop.oneOff.finish(second)).state, "failed");
  assert.equal(await shop.paidDays(accountId), 0);
  // The same amount to us counts.
  await shop.oneOff.finish(await shop.approved({ accountId }));
  assert.equal(await shop.paidDays(accountId), 30);
});

test("what the operator gives back at PayPal in full ends it, in part it does not", async () => {
  const { accountId, paymentId } = await paid("by-hand");
  paypal.refundPartly(paymentId, "2.00");
  assert.equal(await shop.deliver(last("PAYMENT.CAPTURE.REFUNDED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  paypal.refundPartly(paymentId, "5.00");
  assert.equal(await shop.deliver(last("PAYMENT.CAPTURE.REFUNDED")), "done");
  assert.equal(await shop.paidDays(accountId), 0);
});

test("a subscription renews by its events, and stops when it is cancelled: paid time stays", async () => {
  const accountId = await shop.member("renewing");
  const reference = await shop.approved({ accountId }, "subscription");
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(await shop.deliver(last("BILLING.SUBSCRIPTION.ACTIVATED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
  shop.clock.advance(29 * 86_400_000);
  paypal.charge(reference);
  for (let times = 0; times < 3; times += 1)
    assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(await shop.paidDays(accountId), 31);
  assert.equal((await shop.accounts.stampOf(accountId))!.account.renews, true);

  const activated = last("BILLING.SUBSCRIPTION.ACTIVATED");
  paypal.cancel(reference);
  assert.equal(await shop.deliver(last("BILLING.SUBSCRIPTION.CANCELLED")), "done");
  assert.equal((await shop.accounts.stampOf(accountId))!.account.renews, false);
  assert.equal(await shop.paidDays(accountId), 31);
  // An older event that comes late does not bring it back.
  assert.equal(await shop.deliver(activated), "done");
  assert.equal((await shop.accounts.stampOf(accountId))!.account.renews, false);
});

test("a charge for an account that is gone is given back, and its subscription cancelled", async () => {
  const accountId = await shop.member("leaver");
  const reference = await shop.approved({ accountId }, "subscription");
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  await shop.accounts.remove(accountId);
  shop.clock.advance(30 * 86_400_000);
  const sale = paypal.charge(reference);
  const event = last("PAYMENT.SALE.COMPLETED");
  assert.equal(await shop.deliver(event), "done");
  assert.equal(sale.state, "refunded");
  assert.equal(paypal.state.subscriptions.get(reference)!.status, "CANCELLED");
  const refunds = paypal.state.refunds.filter(({ paymentId }) => paymentId === sale.id);
  assert.equal(refunds.length, 1);
  assert.equal(await shop.deliver(event), "done");
  assert.equal(paypal.state.refunds.filter(({ paymentId }) => paymentId === sale.id).length, 1);
});

test("a charge of another amount than was subscribed is given back", async (t) => {
  const accountId = await shop.member("raised");
  const reference = await shop.approved({ accountId }, "subscription");
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  t.after(() => delete paypal.wrong.takes);
  paypal.wrong.takes = { currency_code: "EUR", value: "1.00" };
  const sale = paypal.charge(reference);
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(sale.state, "refunded");
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(paypal.state.subscriptions.get(reference)!.status, "CANCELLED");
  assert.equal((await shop.accounts.stampOf(accountId))!.account.renews, false);
});

test("a refund that PayPal will not make now is tried again with the event", async (t) => {
  const accountId = await shop.member("stuck");
  const reference = await shop.approved({ accountId });
  await shop.shop.client.capture(reference);
  await shop.accounts.remove(accountId);
  t.after(() => delete paypal.wrong.refund);
  paypal.wrong.refund = "REFUND_FAILED_INSUFFICIENT_FUNDS";
  const event = last("PAYMENT.CAPTURE.COMPLETED");
  assert.equal(await shop.deliver(event), "later");
  delete paypal.wrong.refund;
  assert.equal(await shop.deliver(event), "done");
  assert.equal(paypal.state.orders.get(reference)!.captures[0]!.status, "REFUNDED");
});

onEachStore("payer hashes, where the operator wants them: a second first purchase shows", async (kind) => {
  const remembering = await openShop(kind, { rememberPayers: true });
  try {
    const firsts: boolean[] = [];
    for (const name of ["first-account", "second-account"]) {
      const accountId = await remembering.member(name);
      await remembering.approved({ accountId });
      await remembering.deliver(remembering.events("CHECKOUT.ORDER.APPROVED").at(-1)!);
      const [capture] = [...remembering.paypal.state.orders.values()].at(-1)!.captures;
      firsts.push((await remembering.payments.find("paypal", capture!.id))!.first);
      await remembering.accounts.remove(accountId);
    }
    assert.deepEqual(firsts, [true, false]);
    const rows = await remembering.store.db.selectFrom("payer_hashes").selectAll().execute();
    assert.equal(rows.length, 1);
    assert.ok(!JSON.stringify(rows).includes("QYR5Z8XDVJNXQ"));
  } finally {
    await remembering.close();
  }
});

test("a payment whose keyed hash has lived its time counts neither again nor goes back", async () => {
  const accountId = await shop.member("old-news");
  const reference = await shop.approved({ accountId }, "subscription");
  const event = last("PAYMENT.SALE.COMPLETED");
  assert.equal(await shop.deliver(event), "done");
  shop.clock.advance(400 * 86_400_000);
  await shop.store.db.deleteFrom("payment_events").execute();
  assert.equal(await shop.deliver(event), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.equal(paypal.state.subscriptions.get(reference)!.sales[0]!.state, "completed");
  // While a payment of today, of the same old subscription, counts.
  paypal.charge(reference);
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("the operator is told to subscribe to every event that does something", () => {
  const manual = readFileSync(new URL("../../../docs/operating.md", import.meta.url), "utf8");
  for (const type of PAYPAL_EVENTS) assert.ok(manual.includes(`\`${type}\``), type);
});

test("nothing that PayPal knows of the buyer, and no id of it, is stored in the clear", async () => {
  const { reference, paymentId } = await paid("clear");
  const subscription = await shop.approved({ accountId: await shop.member("clear-two") }, "subscription");
  await shop.deliver(last("PAYMENT.SALE.COMPLETED"));
  const tables = ["accounts", "vouchers", "payment_events", "payer_hashes", "site"] as const;
  const rows = await Promise.all(
    tables.map((table) => shop.store.db.selectFrom(table).selectAll().execute()),
  );
  const text = JSON.stringify(rows);
  const secrets = [reference, paymentId, subscription, "QYR5Z8XDVJNXQ", "john@example.com"];
  for (const secret of secrets) assert.ok(!text.includes(secret), secret);
  // So short a word stands in one of some hundred digests by chance.
  assert.doesNotMatch(text, /(?<![\w-])Doe(?![\w-])/);
  assert.ok(!shop.logged.join("\n").includes(paymentId));
  assert.equal(PRICE.minor, 500);
});
