import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Receipts } from "../receipts.ts";
import { Refunds } from "../refunds.ts";
import { paypalRefunds } from "./refunds.ts";
import { openShop, type Shop } from "./testing.ts";

let shop: Shop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

const last = (type: string) => shop.events(type).at(-1)!;
const runs = async (id: string) => (await shop.accounts.stampOf(id))!.account.renews;
const statusOf = (reference: string) => shop.paypal.state.subscriptions.get(reference)!.status;
const salesOf = (reference: string) => shop.paypal.state.subscriptions.get(reference)!.sales;
const begun = (accountId: string) => shop.approved({ accountId }, "subscription");

/** A first subscription that was cancelled at PayPal, and a second one that runs now. */
async function twoAfterEachOther(name: string) {
  const accountId = await shop.member(name);
  const first = await begun(accountId);
  const sale = last("PAYMENT.SALE.COMPLETED");
  const activated = last("BILLING.SUBSCRIPTION.ACTIVATED");
  assert.equal(await shop.deliver(sale), "done");
  shop.paypal.cancel(first);
  const cancelled = last("BILLING.SUBSCRIPTION.CANCELLED");
  assert.equal(await shop.deliver(cancelled), "done");
  assert.equal(await runs(accountId), false);
  const second = await begun(accountId);
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(await runs(accountId), true);
  assert.equal(await shop.paidDays(accountId), 60);
  return { accountId, first, second, events: [sale, activated, cancelled] };
}

test("an older subscription's late or repeated events say nothing of the one that runs", async () => {
  const { accountId, second, events } = await twoAfterEachOther("late-news");
  for (const event of events) {
    assert.equal(await shop.deliver(event), "done");
    assert.equal(await runs(accountId), true, event.type);
  }
  assert.equal(await shop.paidDays(accountId), 60);
  // Its own cancelling does.
  shop.paypal.cancel(second);
  assert.equal(await shop.deliver(last("BILLING.SUBSCRIPTION.CANCELLED")), "done");
  assert.equal(await runs(accountId), false);
});

test("the page of an older order, opened once more, says nothing of the subscription that runs", async () => {
  const { accountId, first } = await twoAfterEachOther("reload");
  const finished = await shop.subscriptions.finish(first);
  assert.equal(finished.state, "paid");
  assert.equal(await runs(accountId), true);
  assert.equal(await shop.paidDays(accountId), 60);
});

test("a late refund of an older subscription's payment leaves the one that runs alone", async () => {
  const { accountId, first, second } = await twoAfterEachOther("late-refund");
  const [sale] = salesOf(first);
  const receipts = new Receipts(new Uint8Array(32).fill(3));
  const refunds = new Refunds({
    ...shop,
    receipts,
    providers: { paypal: paypalRefunds(shop.shop.client, shop.shop.log) },
    log: shop.shop.log,
  });
  const record = (await shop.payments.find("paypal", sale!.id))!;
  const claimed = await refunds.claim(receipts.issue("paypal", sale!.id, record));
  assert.equal(claimed.outcome, "given");
  assert.equal(await runs(accountId), true);
  assert.equal(statusOf(second), "ACTIVE");
  assert.equal(await shop.paidDays(accountId), 30);
});

/** Two that were begun in two tabs before either ran, both approved and charged by PayPal. */
async function twoAtOnce(name: string) {
  const accountId = await shop.member(name);
  const count = shop.paypal.events.made.length;
  const references = [await begun(accountId), await begun(accountId)] as const;
  const events = shop.paypal.events.made.slice(count);
  assert.deepEqual(references.map(statusOf), ["ACTIVE", "ACTIVE"]);
  return { accountId, references, events };
}

/** One runs and has counted; the other was cancelled, its payment went back, and nothing of it counts. */
async function oneIsLeft(accountId: string, references: readonly string[]): Promise<void> {
  assert.deepEqual(references.map(statusOf).toSorted(), ["ACTIVE", "CANCELLED"]);
  for (const reference of references) {
    const left = statusOf(reference) === "ACTIVE";
    assert.deepEqual(
      salesOf(reference).map(({ state }) => state),
      [left ? "completed" : "refunded"],
    );
    const finished = await shop.subscriptions.finish(reference);
    assert.deepEqual(
      finished.state === "refused" ? [finished.reason, finished.refunded] : finished.state,
      left ? "paid" : ["subscription-runs", true],
    );
  }
  assert.equal(await runs(accountId), true);
  assert.equal(await shop.paidDays(accountId), 30);
}

test("of two that begin at one time one is left, in whatever order PayPal tells of them", async () => {
  for (const [n, order] of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [0, 2, 3, 1],
    [2, 1, 3, 0],
    [1, 3, 0, 2],
  ].entries()) {
    const { accountId, references, events } = await twoAtOnce(`at-once-${n}`);
    for (const at of order) assert.equal(await shop.deliver(events[at]!), "done");
    await oneIsLeft(accountId, references);
    // All of it once more, with what PayPal tells of our own doing.
    for (const event of [...events, last("BILLING.SUBSCRIPTION.CANCELLED")])
      assert.equal(await shop.deliver(event), "done");
    await oneIsLeft(accountId, references);
  }
});

test("the same where the buyer comes back to both pages, or all of it happens at once", async () => {
  const pages = await twoAtOnce("both-pages");
  for (const reference of pages.references) await shop.subscriptions.finish(reference);
  await oneIsLeft(pages.accountId, pages.references);
  const raced = await twoAtOnce("raced");
  await Promise.all([
    ...raced.events.map((event) => shop.deliver(event)),
    ...raced.references.map((reference) => shop.subscriptions.finish(reference)),
  ]);
  await oneIsLeft(raced.accountId, raced.references);
});

test("a second one that PayPal tells of before it charges is cancelled, and what it charges goes back", async () => {
  const { accountId, references, events } = await twoAtOnce("not-charged-yet");
  const [, second] = references;
  assert.equal(await shop.deliver(events[1]!), "done");
  const charged = salesOf(second).splice(0);
  const finished = await shop.subscriptions.finish(second);
  assert.deepEqual(finished, { state: "refused", reason: "subscription-runs", refunded: true });
  assert.equal(statusOf(second), "CANCELLED");
  salesOf(second).push(...charged);
  assert.equal(await shop.deliver(events[3]!), "done");
  await oneIsLeft(accountId, references);
});

test("where PayPal does not answer just then, the second one's payment goes back later", async (t) => {
  const { accountId, references, events } = await twoAtOnce("silent");
  assert.equal(await shop.deliver(events[1]!), "done");
  t.after(() => delete shop.paypal.wrong.refund);
  shop.paypal.wrong.refund = "REFUND_FAILED_INSUFFICIENT_FUNDS";
  assert.equal(await shop.deliver(events[3]!), "later");
  assert.equal(statusOf(references[1]), "CANCELLED");
  assert.equal(await shop.paidDays(accountId), 30);
  delete shop.paypal.wrong.refund;
  assert.equal(await shop.deliver(events[3]!), "done");
  await oneIsLeft(accountId, references);
});

test("one whose end PayPal never told, and that has long paid nothing, keeps no other one out", async () => {
  const accountId = await shop.member("never-told");
  const first = await begun(accountId);
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  // The office was away for longer than PayPal tries.
  shop.paypal.cancel(first);
  assert.equal(await runs(accountId), true);
  shop.clock.advance(31 * 86_400_000 + 60_000);
  const second = await begun(accountId);
  assert.equal(await shop.deliver(last("PAYMENT.SALE.COMPLETED")), "done");
  assert.equal(statusOf(second), "ACTIVE");
  assert.equal(await shop.paidDays(accountId), 30);
  assert.equal(await runs(accountId), true);
  // What comes at last of the first one says nothing of the second.
  assert.equal(await shop.deliver(last("BILLING.SUBSCRIPTION.CANCELLED")), "done");
  assert.equal(await runs(accountId), true);
});
