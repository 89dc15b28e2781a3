import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { onEachStore } from "../store/testing.ts";
import { paypalRefunds } from "./paypal/refunds.ts";
import { openShop, type Shop } from "./paypal/testing.ts";
import { Receipts } from "./receipts.ts";
import { Refunds } from "./refunds.ts";

const DAY_MS = 86_400_000;
const receipts = new Receipts(new Uint8Array(32).fill(3));
let shop: Shop;
let refunds: Refunds;
before(async () => {
  shop = await openShop();
  refunds = refundsOf(shop);
});
after(() => shop.close());

function refundsOf({ payments, accounts, clock, shop }: Shop): Refunds {
  const providers = { paypal: paypalRefunds(shop.client, shop.log) };
  return new Refunds({ receipts, payments, accounts, clock, providers, log: shop.log });
}

interface Purchase {
  paymentId: string;
  receipt: string;
  reference: string;
}

async function purchase(
  at: Shop,
  input: { accountId?: string },
  kind: "once" | "subscription" = "once",
): Promise<Purchase> {
  const reference = await at.approved(input, kind);
  const finished = await (kind === "once" ? at.oneOff : at.subscriptions).finish(reference);
  if (finished.state !== "paid") throw new Error(finished.state);
  const { paymentId } = finished;
  const record = (await at.payments.find("paypal", paymentId))!;
  return { paymentId, reference, receipt: receipts.issue("paypal", paymentId, record) };
}

const refundsAtPayPal = ({ paymentId }: Purchase, at = shop) =>
  at.paypal.state.refunds.filter((refund) => refund.paymentId === paymentId).length;

test("a first purchase within seven days: the money goes back once, and the paid time ends", async () => {
  const accountId = await shop.member("first");
  const bought = await purchase(shop, { accountId });
  const looked = await refunds.look(bought.receipt);
  assert.ok(looked.outcome === "decided" && looked.decision.granted);
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(refundsAtPayPal(bought), 0);

  const given = await refunds.claim(`  my receipt:\n${bought.receipt}\n`);
  assert.equal(given.outcome, "given");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.equal(refundsAtPayPal(bought), 1);
  assert.notEqual(await shop.accounts.stampOf(accountId), undefined);

  const again = await refunds.claim(bought.receipt);
  assert.deepEqual(again.outcome === "refused" && again.rule, "refunded-once");
  assert.equal(await shop.deliver(shop.events("PAYMENT.CAPTURE.REFUNDED").at(-1)!), "done");
  assert.equal(refundsAtPayPal(bought), 1);
});

onEachStore("a refund asked ten times at once, by two offices, is given once", async (kind) => {
  const at = await openShop(kind);
  try {
    const accountId = await at.member("twice");
    const bought = await purchase(at, { accountId });
    at.paypal.wrong.slowRefundMs = 50;
    const offices = [refundsOf(at), refundsOf(at)];
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, index) => offices[index % 2]!.claim(bought.receipt)),
    );
    assert.deepEqual(new Set(claims.map(({ outcome }) => outcome)), new Set(["given"]));
    assert.equal(refundsAtPayPal(bought, at), 1);
    assert.equal(await at.paidDays(accountId), 0);
  } finally {
    await at.close();
  }
});

test("each rule against it is named, and changes nothing", async () => {
  const accountId = await shop.member("rules");
  const first = await purchase(shop, { accountId });
  const second = await purchase(shop, { accountId });
  const ruleOf = async (receipt: string) => {
    const claim = await refunds.claim(receipt);
    return claim.outcome === "refused" ? claim.rule : claim.outcome;
  };
  assert.equal(await ruleOf(second.receipt), "first-purchase-only");
  const record = (await shop.payments.find("paypal", first.paymentId))!;
  for (const [method, rule] of [
    ["bitcoin", "never-cryptocurrency"],
    ["monero", "never-cryptocurrency"],
    ["cash", "never-cash"],
    ["gift-card", "never-gift-card"],
    ["coupon", "never-coupon"],
  ] as const)
    assert.equal(await ruleOf(receipts.issue("paypal", first.paymentId, { ...record, method })), rule);
  assert.equal(
    await ruleOf(receipts.issue("paypal", first.paymentId, { ...record, coupon: true })),
    "never-coupon",
  );
  shop.clock.advance(7 * DAY_MS + 120_000);
  assert.equal(await ruleOf(first.receipt), "within-seven-days");
  assert.equal(refundsAtPayPal(first) + refundsAtPayPal(second), 0);
  assert.equal(await shop.paidDays(accountId), 53);
});

test("a voucher that nobody has redeemed is void with the refund; a redeemed one is not given back", async () => {
  const bought = await purchase(shop, {});
  const code = shop.payments.voucherCode("paypal", bought.paymentId);
  assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
  const accountId = await shop.member("void");
  assert.equal((await shop.vouchers.redeem(accountId, code)).ok, false);

  const other = await purchase(shop, {});
  await shop.vouchers.redeem(accountId, shop.payments.voucherCode("paypal", other.paymentId));
  const claim = await refunds.claim(other.receipt);
  assert.equal(claim.outcome === "refused" && claim.rule, "never-redeemed-voucher");
  assert.equal(refundsAtPayPal(other), 0);
  assert.equal(await shop.paidDays(accountId), 30);
});

test("a voucher redeemed while its money goes back: one of both, never both", async (t) => {
  t.after(() => delete shop.paypal.wrong.slowRefundMs);
  shop.paypal.wrong.slowRefundMs = 30;
  for (let round = 0; round < 5; round += 1) {
    const bought = await purchase(shop, {});
    const code = shop.payments.voucherCode("paypal", bought.paymentId);
    const accountId = await shop.member(`race-${round}`);
    const claimLast = round % 2 === 0;
    const early = claimLast ? undefined : refunds.claim(bought.receipt);
    const redeeming = shop.vouchers.redeem(accountId, code);
    const [claim, redeemed] = await Promise.all([early ?? refunds.claim(bought.receipt), redeeming]);
    assert.equal(claim.outcome === "given", !redeemed.ok);
    assert.equal(refundsAtPayPal(bought), redeemed.ok ? 0 : 1);
  }
});

test("a subscription's first payment: refunded, the subscription cancelled, the paid time over", async () => {
  const accountId = await shop.member("subscriber");
  const bought = await purchase(shop, { accountId }, "subscription");
  assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
  assert.equal(shop.paypal.state.subscriptions.get(bought.reference)!.status, "CANCELLED");
  const { account } = (await shop.accounts.stampOf(accountId))!;
  assert.equal(account.renews, false);
  assert.equal(await shop.paidDays(accountId), 0);
  assert.equal(refundsAtPayPal(bought), 1);
});

test("PayPal silent: nothing is lost, and the same receipt finishes it", async (t) => {
  t.after(() => delete shop.paypal.wrong.down);
  const accountId = await shop.member("silent");
  const bought = await purchase(shop, { accountId });
  shop.paypal.wrong.down = 503;
  assert.equal((await refunds.claim(bought.receipt)).outcome, "unavailable");
  assert.equal(await shop.paidDays(accountId), 30);
  // However long it takes: it was granted.
  shop.clock.advance(9 * DAY_MS);
  delete shop.paypal.wrong.down;
  assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
  assert.equal(refundsAtPayPal(bought), 1);
  assert.equal(await shop.paidDays(accountId), 0);
});

test("the answer to a refund gets lost: what PayPal reports finishes it, and nobody is paid twice", async (t) => {
  t.after(() => delete shop.paypal.wrong.losesAnswers);
  const accountId = await shop.member("unheard");
  const bought = await purchase(shop, { accountId }, "subscription");
  shop.paypal.wrong.losesAnswers = true;
  assert.equal((await refunds.claim(bought.receipt)).outcome, "unavailable");
  shop.paypal.wrong.losesAnswers = false;
  assert.equal(await shop.deliver(shop.events("PAYMENT.SALE.REFUNDED").at(-1)!), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.equal(shop.paypal.state.subscriptions.get(bought.reference)!.status, "CANCELLED");
  assert.equal((await refunds.claim(bought.receipt)).outcome, "refused");
  assert.equal(refundsAtPayPal(bought), 1);
});

test("PayPal will not give it back: everything is as before", async (t) => {
  t.after(() => delete shop.paypal.wrong.refund);
  const accountId = await shop.member("will-not");
  const bought = await purchase(shop, { accountId });
  const voucher = await purchase(shop, {});
  shop.paypal.wrong.refund = "REFUND_TIME_LIMIT_EXCEEDED";
  assert.equal((await refunds.claim(bought.receipt)).outcome, "provider-refused");
  assert.equal((await refunds.claim(voucher.receipt)).outcome, "provider-refused");
  assert.equal(await shop.paidDays(accountId), 30);
  const code = shop.payments.voucherCode("paypal", voucher.paymentId);
  assert.ok((await shop.vouchers.redeem(accountId, code)).ok);
});

test("altered receipts, another site's, and no receipts", async () => {
  const accountId = await shop.member("altered");
  const { receipt } = await purchase(shop, { accountId });
  const at = 40;
  const altered = receipt.slice(0, at) + (receipt[at] === "A" ? "B" : "A") + receipt.slice(at + 1);
  const other = new Receipts(new Uint8Array(32).fill(4));
  const record = (await shop.payments.find("paypal", (await purchase(shop, { accountId })).paymentId))!;
  for (const [text, error] of [
    [altered, "receipt-altered"],
    [other.issue("paypal", "CAPTURE", record), "receipt-other-site"],
    ["hello", "receipt-malformed"],
    ["", "receipt-malformed"],
    ["x".repeat(100_000), "receipt-malformed"],
  ] as const)
    assert.deepEqual(await refunds.claim(text), { outcome: "no-receipt", error });
  assert.equal(await shop.paidDays(accountId), 60);
});

test("a receipt whose payment the database no longer knows gives nothing back", async () => {
  const accountId = await shop.member("restored");
  const { receipt, paymentId } = await purchase(shop, { accountId });
  await shop.store.db.deleteFrom("payment_events").execute();
  assert.equal((await refunds.claim(receipt)).outcome, "payment-unknown");
  assert.equal(shop.paypal.state.refunds.filter((refund) => refund.paymentId === paymentId).length, 0);
});
