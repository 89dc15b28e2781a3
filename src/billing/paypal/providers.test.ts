import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openShop, PRICE, type Shop } from "./testing.ts";

let shop: Shop;
let paypal: Shop["paypal"];
before(async () => {
  shop = await openShop();
  ({ paypal } = shop);
});
after(() => shop.close());

const URLS = { returnTo: "https://vpn.example.net/back", cancelled: "https://vpn.example.net/no" };

test("a payment: created, approved, taken, and credited once however often it is finished", async () => {
  const accountId = await shop.member("alice");
  const { order, text } = shop.order({ accountId });
  const begun = await shop.oneOff.begin(order, text, URLS);
  assert.ok(begun.ok);
  const { redirect, reference } = begun.value;
  assert.equal(redirect, `${paypal.url}/checkoutnow?token=${reference}`);
  const waiting = await shop.oneOff.finish(reference);
  assert.deepEqual(waiting, { state: "open", redirect });
  assert.equal(await shop.paidDays(accountId), 0);

  const back = new URL(paypal.approve(reference));
  assert.equal(back.origin + back.pathname, URLS.returnTo);
  assert.equal(back.searchParams.get("token"), reference);
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => shop.oneOff.finish(reference)));
  const [capture] = paypal.state.orders.get(reference)!.captures;
  for (const outcome of [...outcomes, await shop.oneOff.finish(reference)])
    assert.deepEqual(outcome, { state: "paid", provider: "paypal", paymentId: capture!.id });
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(paypal.state.orders.get(reference)!.captures.length, 1);
});

test("what PayPal is told of an order is the sealed text, the price and the site's name", async () => {
  const accountId = await shop.member("bob-of-the-order");
  const { order, text } = shop.order({ accountId });
  const begun = await shop.oneOff.begin(order, text, URLS);
  assert.ok(begun.ok);
  const told = paypal.state.orders.get(begun.value.reference)!;
  assert.equal(told.custom_id, text);
  assert.deepEqual(told.amount, { currency_code: "EUR", value: "5.00" });
  const all = JSON.stringify(told);
  assert.ok(!all.includes(accountId) && !all.includes("bob-of-the-order"));
});

test("a form sent twice makes one order", async () => {
  const { order, text } = shop.order();
  const [one, two] = await Promise.all([
    shop.oneOff.begin(order, text, URLS),
    shop.oneOff.begin(order, text, URLS),
  ]);
  assert.ok(one.ok && two.ok);
  assert.equal(one.value.reference, two.value.reference);
});

test("a voucher bought without an account follows from the payment and can be shown again", async () => {
  const reference = await shop.approved();
  const finished = await shop.oneOff.finish(reference);
  assert.equal(finished.state, "paid");
  const paymentId = finished.state === "paid" ? finished.paymentId : "";
  const code = shop.payments.voucherCode("paypal", paymentId);
  const accountId = await shop.member("carol");
  assert.ok((await shop.vouchers.redeem(accountId, code)).ok);
  assert.equal(await shop.paidDays(accountId), 30);
});

test("a capture that fails after approval changes nothing, and says so", async (t) => {
  const accountId = await shop.member("dave");
  const reference = await shop.approved({ accountId });
  t.after(() => delete paypal.wrong.capture);
  for (const issue of ["INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED"]) {
    paypal.wrong.capture = issue;
    assert.deepEqual(await shop.oneOff.finish(reference), { state: "failed", reason: "declined" });
  }
  paypal.wrong.capture = "SOMETHING_NEW";
  assert.deepEqual(await shop.oneOff.finish(reference), { state: "unavailable" });
  assert.equal(await shop.paidDays(accountId), 0);
  // The buyer chooses another card, and it goes through.
  delete paypal.wrong.capture;
  assert.equal((await shop.oneOff.finish(reference)).state, "paid");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("less than the price, or another currency, is given back and counts for nothing", async (t) => {
  t.after(() => delete paypal.wrong.takes);
  for (const takes of [
    { currency_code: "EUR", value: "4.99" },
    { currency_code: "USD", value: "5.00" },
    { currency_code: "XXX", value: "500.00" },
  ]) {
    const accountId = await shop.member(
      `short-${takes.value.replace(".", "-")}-${takes.currency_code.toLowerCase()}`,
    );
    const reference = await shop.approved({ accountId });
    paypal.wrong.takes = takes;
    const finished = await shop.oneOff.finish(reference);
    const [capture] = paypal.state.orders.get(reference)!.captures;
    const paymentId = capture!.id;
    assert.deepEqual(finished, { state: "refused", reason: "amount-differs", refunded: true, paymentId });
    assert.equal(capture!.status, "REFUNDED");
    assert.equal(await shop.paidDays(accountId), 0);
    // Told again of it, by whomever, it still counts for nothing.
    const again = await shop.oneOff.finish(reference);
    assert.equal(
      again.state === "paid" && (await shop.payments.find("paypal", capture!.id))?.state,
      "refunded",
    );
    assert.equal(await shop.paidDays(accountId), 0);
  }
});

test("money for an account that is gone or cut off is not even taken", async () => {
  const gone = await shop.member("gone");
  const cutOff = await shop.member("cut-off");
  const references = [await shop.approved({ accountId: gone }), await shop.approved({ accountId: cutOff })];
  await shop.accounts.remove(gone);
  await shop.accounts.terminate("cut-off");
  assert.deepEqual(await shop.oneOff.finish(references[0]!), {
    state: "refused",
    reason: "account-gone",
    refunded: true,
  });
  assert.deepEqual(await shop.oneOff.finish(references[1]!), {
    state: "refused",
    reason: "account-terminated",
    refunded: true,
  });
  for (const reference of references) assert.equal(paypal.state.orders.get(reference)!.captures.length, 0);
});

test("a capture that PayPal holds back waits, and counts when it is through", async (t) => {
  t.after(() => delete paypal.wrong.pending);
  const accountId = await shop.member("held");
  const reference = await shop.approved({ accountId });
  paypal.wrong.pending = true;
  assert.deepEqual(await shop.oneOff.finish(reference), { state: "waiting" });
  paypal.state.orders.get(reference)!.captures[0]!.status = "COMPLETED";
  assert.equal((await shop.oneOff.finish(reference)).state, "paid");
});

test("an answer that gets lost on its way costs nobody anything", async (t) => {
  t.after(() => delete paypal.wrong.losesAnswers);
  const accountId = await shop.member("lost");
  const reference = await shop.approved({ accountId });
  paypal.wrong.losesAnswers = true;
  assert.deepEqual(await shop.oneOff.finish(reference), { state: "unavailable" });
  paypal.wrong.losesAnswers = false;
  assert.equal((await shop.oneOff.finish(reference)).state, "paid");
  assert.equal(await shop.paidDays(accountId), 30);
});

test("PayPal down, a token that has ended, and a wrong secret", async (t) => {
  const { order, text } = shop.order();
  t.after(() => delete paypal.wrong.down);
  for (const status of [500, 503, 429]) {
    paypal.wrong.down = status;
    assert.deepEqual(await shop.oneOff.begin(order, text, URLS), {
      ok: false,
      error: "provider-unavailable",
    });
  }
  paypal.wrong.down = 403;
  assert.deepEqual(await shop.oneOff.begin(order, text, URLS), { ok: false, error: "provider-refused" });
  delete paypal.wrong.down;
  paypal.forgetTokens();
  assert.ok((await shop.oneOff.begin(order, text, URLS)).ok);
  assert.deepEqual(shop.logged.at(-1), "provider-failed login");
});

test("references that are none of ours lead nowhere", async () => {
  for (const reference of ["", "../../v1/x", "NOSUCHORDER", "I-NOSUCH"]) {
    const [once, subscription] = [
      await shop.oneOff.finish(reference),
      await shop.subscriptions.finish(reference),
    ];
    assert.ok(["failed", "unavailable"].includes(once.state), once.state);
    assert.ok(["failed", "unavailable"].includes(subscription.state), subscription.state);
  }
});

test("a subscription: a plan is made once, the first payment counts, and so does each that follows", async () => {
  const accountId = await shop.member("sub");
  const reference = await shop.approved({ accountId }, "subscription");
  const finished = await shop.subscriptions.finish(reference);
  assert.equal(finished.state, "paid");
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal((await shop.accounts.stampOf(accountId))!.account.renews, true);
  const plans = paypal.state.plans.size;
  await shop.approved({ accountId: await shop.member("sub-two") }, "subscription");
  assert.equal(paypal.state.plans.size, plans);
  const dearer = { accountId: await shop.member("sub-three"), price: { ...PRICE, minor: 600 } };
  await shop.approved(dearer, "subscription");
  assert.equal(paypal.state.plans.size, plans + 1);
  // The plan has gone at PayPal: another is made.
  paypal.state.plans.clear();
  await shop.approved({ accountId: await shop.member("sub-four") }, "subscription");
  assert.equal(paypal.state.plans.size, 1);
});

test("a subscription is for an account, at the plan's own price, and for at most a year", async () => {
  const accountId = await shop.member("year");
  for (const input of [{}, { accountId, coupon: "abcdefghijklmnopqrst" }, { accountId, days: 366 }]) {
    const { order, text } = shop.order(input);
    assert.deepEqual(await shop.subscriptions.begin(order, text, URLS), {
      ok: false,
      error: "provider-refused",
    });
  }
});
