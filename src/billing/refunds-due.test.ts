import assert from "node:assert/strict";
import { LIFETIMES } from "../policy/lifetimes.ts";
import { sweep } from "../store/inventory.ts";
import { everyTable } from "../store/inventory-tables.ts";
import { onEachStore } from "../store/testing.ts";
import { paypalRefunds } from "./paypal/refunds.ts";
import { openShop, type Shop } from "./paypal/testing.ts";
import { Receipts } from "./receipts.ts";
import { Refunds } from "./refunds.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const receipts = new Receipts(new Uint8Array(32).fill(3));

/** A test on each kind of store, in a shop of its own. */
const inShop = (name: string, body: (shop: Shop) => Promise<void>): void =>
  onEachStore(name, async (kind) => {
    const shop = await openShop(kind);
    try {
      await body(shop);
    } finally {
      await shop.close();
    }
  });

function refundsOf({
  payments,
  accounts,
  clock,
  shop,
}: Pick<Shop, "payments" | "accounts" | "clock" | "shop">): Refunds {
  const providers = { paypal: paypalRefunds(shop.client, shop.log) };
  return new Refunds({ receipts, payments, accounts, clock, providers, log: shop.log });
}

async function purchase(at: Shop, input: { accountId?: string }, kind: "once" | "subscription" = "once") {
  const reference = await at.approved(input, kind);
  const finished = await (kind === "once" ? at.oneOff : at.subscriptions).finish(reference);
  if (finished.state !== "paid") throw new Error(finished.state);
  const { paymentId } = finished;
  const record = (await at.payments.find("paypal", paymentId))!;
  return { paymentId, reference, receipt: receipts.issue("paypal", paymentId, record) };
}
type Purchase = Awaited<ReturnType<typeof purchase>>;

const given = (at: Shop, { paymentId }: Pick<Purchase, "paymentId">) =>
  at.paypal.state.refunds.filter((refund) => refund.paymentId === paymentId).length;
const asked = (at: Shop, { paymentId }: Purchase) =>
  at.paypal.calls.filter((call) => call.startsWith("POST") && call.includes(`${paymentId}/refund`)).length;
const rows = (at: Shop) => at.store.db.selectFrom("refunds_due").selectAll().execute();

inShop(
  "no answer twice, then one: the refund goes on by itself, and nobody comes back for it",
  async (shop) => {
    const refunds = refundsOf(shop);
    const accountId = await shop.member("silent");
    const bought = await purchase(shop, { accountId }, "subscription");
    shop.paypal.wrong.down = 503;
    assert.equal((await refunds.claim(bought.receipt)).outcome, "unavailable");
    assert.equal(await refunds.round(), 0);
    const tried = shop.paypal.calls.length;
    await refunds.round();
    assert.equal(shop.paypal.calls.length, tried, "not before its time");
    shop.clock.advance(MINUTE_MS);
    assert.equal(await refunds.round(), 0);
    assert.ok(shop.paypal.calls.length > tried);
    assert.equal(await shop.paidDays(accountId), 30);
    delete shop.paypal.wrong.down;
    shop.clock.advance(MINUTE_MS);
    assert.equal(await refunds.round(), 1);
    assert.equal(given(shop, bought), 1);
    assert.equal(await shop.paidDays(accountId), 0);
    assert.equal((await shop.accounts.stampOf(accountId))!.account.renews, false);
    assert.equal(shop.paypal.state.subscriptions.get(bought.reference)!.status, "CANCELLED");
    assert.deepEqual(await rows(shop), []);
    shop.clock.advance(DAY_MS);
    assert.equal(await refunds.round(), 0);
    assert.equal(asked(shop, bought) > 0 && given(shop, bought), 1);
  },
);

inShop(
  "the answer got lost, or the office died after asking: it is asked again, and given once",
  async (shop) => {
    const accountId = await shop.member("unheard");
    const lost = await purchase(shop, { accountId });
    shop.paypal.wrong.losesAnswers = true;
    assert.equal((await refundsOf(shop).claim(lost.receipt)).outcome, "unavailable");
    assert.equal(given(shop, lost), 1);
    shop.paypal.wrong.losesAnswers = false;
    // Of this one the office only got as far as the note.
    const other = await shop.member("killed");
    const killed = await purchase(shop, { accountId: other });
    assert.ok((await shop.payments.back.beginRefund("paypal", killed.paymentId)).ok);
    const restarted = await shop.again();
    const refunds = refundsOf(restarted);
    shop.clock.advance(2 * MINUTE_MS);
    assert.equal(await refunds.round(), 1);
    assert.deepEqual([given(shop, lost), given(shop, killed)], [1, 0], "whoever asks has ten minutes for it");
    shop.clock.advance(9 * MINUTE_MS);
    assert.equal(await refunds.round(), 1);
    assert.deepEqual([given(shop, lost), given(shop, killed)], [1, 1]);
    assert.deepEqual([await shop.paidDays(accountId), await shop.paidDays(other)], [0, 0]);
  },
);

inShop("an office that starts goes on with what is due, by itself", async (shop) => {
  const bought = await purchase(shop, { accountId: await shop.member("restarted") });
  shop.paypal.wrong.down = 503;
  await refundsOf(shop).claim(bought.receipt);
  delete shop.paypal.wrong.down;
  shop.clock.advance(MINUTE_MS);
  const refunds = refundsOf(await shop.again());
  refunds.start();
  for (const end = performance.now() + 10_000; given(shop, bought) === 0 && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 20));
  await refunds.close();
  assert.equal(given(shop, bought), 1);
  assert.deepEqual(await rows(shop), []);
});

inShop("two offices that look at one time ask once", async (shop) => {
  const bought: Purchase[] = [];
  for (let count = 0; count < 6; count += 1)
    bought.push(await purchase(shop, { accountId: await shop.member(`two-${count}`) }));
  shop.paypal.wrong.down = 503;
  for (const { receipt } of bought) await refundsOf(shop).claim(receipt);
  delete shop.paypal.wrong.down;
  shop.paypal.wrong.slowRefundMs = 20;
  shop.clock.advance(MINUTE_MS);
  const offices = [refundsOf(shop), refundsOf(await shop.again())];
  const before = bought.map((each) => asked(shop, each));
  const counts = await Promise.all(offices.map((each) => each.round()));
  assert.equal(counts[0]! + counts[1]!, 6);
  for (const [index, each] of bought.entries()) {
    assert.equal(given(shop, each), 1);
    assert.equal(asked(shop, each) - before[index]!, 1);
  }
  assert.deepEqual(await rows(shop), []);
});

inShop(
  "it waits longer each time, ends after three weeks, says so, and the receipt still works",
  async (shop) => {
    const refunds = refundsOf(shop);
    const accountId = await shop.member("given-up");
    const bought = await purchase(shop, { accountId });
    shop.paypal.wrong.down = 503;
    await refunds.claim(bought.receipt);
    const waits: number[] = [];
    const began = shop.clock.now();
    let lastAt = began;
    shop.logged.length = 0;
    for (;;) {
      const [due] = await shop.payments.back.due.list();
      if (due!.nextS === undefined) break;
      const waitMs = due!.nextS * 1000 - shop.clock.now();
      shop.clock.advance(Math.max(1000, waitMs));
      waits.push(Math.round((shop.clock.now() - lastAt) / MINUTE_MS));
      lastAt = shop.clock.now();
      await refunds.round();
    }
    assert.deepEqual(waits.slice(0, 11), [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360]);
    const triedMs = shop.clock.now() - began;
    const { refundTried } = LIFETIMES;
    assert.ok(triedMs >= refundTried.days * DAY_MS && triedMs < 29 * DAY_MS, `${triedMs / DAY_MS} days`);
    assert.equal(shop.logged.filter((line) => line === "refund-stopped expired").length, 1);
    // Until the end of a day, and so by the time of day one more or less.
    assert.ok(Math.abs((await shop.paidDays(accountId)) - (30 - triedMs / DAY_MS)) <= 1);
    delete shop.paypal.wrong.down;
    shop.clock.advance(DAY_MS);
    assert.equal(await refunds.round(), 0, "the operator's from here on");
    const [stopped] = await shop.payments.back.due.list();
    assert.deepEqual([stopped!.paymentId, stopped!.nextS], [bought.paymentId, undefined]);
    assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
    assert.equal(given(shop, bought), 1);
    assert.deepEqual(await rows(shop), []);
  },
);

inShop("refused when asked again: granted stays granted, and it is the operator's to do", async (shop) => {
  const refunds = refundsOf(shop);
  const bought = await purchase(shop, {});
  shop.paypal.wrong.down = 503;
  await refunds.claim(bought.receipt);
  delete shop.paypal.wrong.down;
  shop.paypal.wrong.refund = "REFUND_NOT_ALLOWED";
  shop.clock.advance(8 * DAY_MS);
  shop.logged.length = 0;
  assert.equal(await refunds.round(), 0);
  assert.ok(shop.logged.includes("refund-stopped refused"));
  shop.clock.advance(8 * DAY_MS);
  await refunds.round();
  assert.equal(shop.logged.filter((line) => line.startsWith("refund-stopped")).length, 1);
  delete shop.paypal.wrong.refund;
  // What the operator gives back by hand is noticed, and the row goes.
  shop.paypal.refundPartly(bought.paymentId, "5.00");
  assert.equal(await shop.deliver(shop.events("PAYMENT.CAPTURE.REFUNDED").at(-1)!), "done");
  assert.deepEqual(await rows(shop), []);
  // And where nobody does anything it goes in the end.
  const other = await purchase(shop, {});
  await shop.payments.back.beginRefund("paypal", other.paymentId);
  assert.match(
    everyTable.refunds_due!.lifetime,
    /to the end of the day \(UTC\) 90 days after it fell due at most$/,
  );
  const dayMs = Math.floor(shop.clock.now() / DAY_MS) * DAY_MS;
  shop.clock.advance(dayMs + (LIFETIMES.refundDue.days + 1) * DAY_MS - 1000 - shop.clock.now());
  await sweep(shop.store, shop.clock);
  assert.equal((await rows(shop)).length, 1);
  shop.clock.advance(1000);
  await sweep(shop.store, shop.clock);
  assert.deepEqual(await rows(shop), []);
});

inShop(
  "what PayPal refused and the operator has to do is not undone by the receipt sent again",
  async (shop) => {
    const refunds = refundsOf(shop);
    const bought = await purchase(shop, {});
    const member = await shop.member("in-between");
    const code = shop.payments.voucherCode("paypal", bought.paymentId);
    shop.paypal.wrong.down = 503;
    await refunds.claim(bought.receipt);
    delete shop.paypal.wrong.down;
    shop.paypal.wrong.refund = "REFUND_NOT_ALLOWED";
    shop.clock.advance(MINUTE_MS);
    await refunds.round();
    shop.logged.length = 0;
    const stands = async () => {
      const [due] = await shop.payments.back.due.list();
      assert.deepEqual([due?.paymentId, due?.nextS], [bought.paymentId, undefined]);
      assert.equal((await shop.vouchers.redeem(member, code)).ok, false);
      assert.ok(!shop.logged.some((line) => line.startsWith("refund-stopped")), "said once");
    };
    assert.equal((await refunds.claim(bought.receipt)).outcome, "stopped");
    await stands();
    delete shop.paypal.wrong.refund;
    shop.paypal.wrong.down = 503;
    assert.equal((await refunds.claim(bought.receipt)).outcome, "stopped");
    await stands();
    delete shop.paypal.wrong.down;
    // By another try of the buyer's, too, before it was tried by itself.
    const other = await purchase(shop, {});
    shop.paypal.wrong.down = 503;
    assert.equal((await refunds.claim(other.receipt)).outcome, "unavailable");
    delete shop.paypal.wrong.down;
    shop.paypal.wrong.refund = "REFUND_NOT_ALLOWED";
    assert.equal((await refunds.claim(other.receipt)).outcome, "stopped");
    assert.ok(shop.logged.includes("refund-stopped refused"));
    assert.equal((await shop.payments.back.due.list()).length, 2);
    // PayPal makes it after all.
    delete shop.paypal.wrong.refund;
    assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
    assert.equal(given(shop, bought), 1);
  },
);

inShop(
  "a refund that PayPal took on and did not make is the operator's to do, and no secret",
  async (shop) => {
    const refunds = refundsOf(shop);
    const accountId = await shop.member("bounced");
    const bought = await purchase(shop, { accountId });
    assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
    shop.logged.length = 0;
    const failed = shop.paypal.failRefund(bought.paymentId);
    for (let times = 0; times < 2; times += 1) assert.equal(await shop.deliver(failed), "done");
    assert.deepEqual(
      shop.logged.filter((line) => line.startsWith("refund-stopped")),
      ["refund-stopped refused"],
    );
    const [due] = await shop.payments.back.due.list();
    assert.deepEqual([due?.paymentId, due?.nextS], [bought.paymentId, undefined]);
    assert.equal((await refunds.look(bought.receipt)).outcome, "stopped");
    assert.equal((await refunds.claim(bought.receipt)).outcome, "stopped");
    assert.equal(await shop.paidDays(accountId), 0);
    assert.equal(given(shop, bought), 1);
    // By hand: the row goes, and the old news brings it back no more.
    shop.paypal.refundPartly(bought.paymentId, "5.00");
    assert.equal(await shop.deliver(shop.events("PAYMENT.CAPTURE.REFUNDED").at(-1)!), "done");
    assert.deepEqual(await rows(shop), []);
    assert.equal(await shop.deliver(failed), "done");
    assert.deepEqual(await rows(shop), []);
    // Of a purchase that was not given back it says nothing.
    const other = await purchase(shop, { accountId });
    shop.paypal.refundPartly(other.paymentId, "2.00");
    assert.equal(await shop.deliver(shop.paypal.failRefund(other.paymentId)), "done");
    assert.deepEqual(await rows(shop), []);
    assert.equal(await shop.paidDays(accountId), 30);
  },
);

/** Looks whenever a look is due, for so many days. */
async function lookFor(at: Shop, refunds: Refunds, days: number): Promise<void> {
  for (const end = at.clock.now() + days * DAY_MS; at.clock.now() < end; ) {
    at.clock.advance(6 * 60 * MINUTE_MS);
    await refunds.round();
  }
}
const stoppedLines = (at: Shop) => at.logged.filter((line) => line.startsWith("refund-stopped"));

for (const kind of ["once", "subscription"] as const) {
  const version = kind === "once" ? "v2" : "v1";
  inShop(
    `a refund that PayPal takes a week for is looked at until it has arrived (Payments ${version})`,
    async (shop) => {
      const accountId = await shop.member("patient");
      const bought = await purchase(shop, { accountId }, kind);
      shop.paypal.wrong.pendingRefund = true;
      assert.equal((await refundsOf(shop).claim(bought.receipt)).outcome, "given");
      assert.equal(await shop.paidDays(accountId), 0);
      // What PayPal tells of it meanwhile does not end the looking.
      assert.equal(
        await shop.deliver(
          shop.events(kind === "once" ? "PAYMENT.CAPTURE.REFUNDED" : "PAYMENT.SALE.REFUNDED").at(-1)!,
        ),
        "done",
      );
      const stored = await rows(shop);
      assert.equal(stored.length, 1);
      assert.ok(!JSON.stringify(stored).includes(shop.paypal.state.refunds.at(-1)!.id));
      const refunds = refundsOf(await shop.again());
      await lookFor(shop, refunds, 7);
      assert.ok(asked(shop, bought) <= 2, "asked for once (by both interfaces), then only looked at");
      const [due] = await refunds.due();
      assert.deepEqual(
        [due?.paymentId, due?.pendingAs !== undefined, due?.nextS !== undefined],
        [bought.paymentId, true, true],
      );
      const looks = () => shop.paypal.calls.filter((call) => /^GET .*\/refunds?\/\w+$/.test(call)).length;
      assert.ok(looks() > 10 && looks() < 100, `${looks()}`);
      assert.equal((await refunds.look(bought.receipt)).outcome, "decided");
      shop.paypal.wrong.down = 503;
      await lookFor(shop, refunds, 1);
      delete shop.paypal.wrong.down;
      shop.paypal.finishRefund(bought.paymentId);
      await lookFor(shop, refunds, 1);
      assert.deepEqual(await rows(shop), []);
      assert.equal(given(shop, bought), 1);
      assert.deepEqual(stoppedLines(shop), []);
    },
  );
  for (const how of ["FAILED", "CANCELLED"] as const)
    inShop(
      `one that is ${how} in the end is the operator's to do, without any event (Payments ${version})`,
      async (shop) => {
        const refunds = refundsOf(shop);
        const bought = await purchase(shop, { accountId: await shop.member("unlucky") }, kind);
        shop.paypal.wrong.pendingRefund = true;
        assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
        await lookFor(shop, refunds, 3);
        const failed = shop.paypal.failRefund(bought.paymentId, how);
        await lookFor(shop, refunds, 3);
        const [due] = await refunds.due();
        assert.deepEqual([due?.paymentId, due?.nextS], [bought.paymentId, undefined]);
        assert.equal((await refunds.claim(bought.receipt)).outcome, "stopped");
        if (kind === "once") assert.equal(await shop.deliver(failed), "done");
        assert.deepEqual(stoppedLines(shop), ["refund-stopped refused"], "said once");
        assert.equal(given(shop, bought), 1);
      },
    );
}

for (const first of ["the bank", "the failure"] as const)
  inShop(
    `a refund that fails, of a payment that the buyer's bank takes: nobody gives it back as well (${first} first)`,
    async (shop) => {
      const refunds = refundsOf(shop);
      const bought = await purchase(shop, { accountId: await shop.member("both") });
      shop.paypal.wrong.pendingRefund = true;
      await refunds.claim(bought.receipt);
      let reversed = first === "the bank" ? shop.paypal.reverse(bought.paymentId) : undefined;
      if (reversed !== undefined) assert.equal(await shop.deliver(reversed), "done");
      shop.paypal.failRefund(bought.paymentId);
      await lookFor(shop, refunds, 1);
      reversed ??= shop.paypal.reverse(bought.paymentId);
      assert.equal(await shop.deliver(reversed), "done");
      assert.deepEqual(await rows(shop), []);
      // Decided for us, what was granted is owed again, whatever is told once more.
      shop.clock.advance(DAY_MS);
      const won = shop.paypal.resolveDispute(bought.paymentId, "RESOLVED_SELLER_FAVOUR");
      for (const event of [won, reversed, won]) assert.equal(await shop.deliver(event), "done");
      assert.deepEqual(
        (await refunds.due()).map(({ paymentId, nextS }) => [paymentId, nextS]),
        [[bought.paymentId, undefined]],
      );
      assert.equal((await refunds.claim(bought.receipt)).outcome, "stopped");
    },
  );

inShop(
  "a refund that arrives although the buyer's bank took the payment is owed no more when that is decided for us",
  async (shop) => {
    const refunds = refundsOf(shop);
    const bought = await purchase(shop, {});
    shop.paypal.wrong.pendingRefund = true;
    await refunds.claim(bought.receipt);
    assert.equal(await shop.deliver(shop.paypal.reverse(bought.paymentId)), "done");
    assert.equal((await refunds.due()).length, 1, "it is still looked at");
    shop.paypal.finishRefund(bought.paymentId);
    await lookFor(shop, refunds, 1);
    const won = shop.paypal.resolveDispute(bought.paymentId, "RESOLVED_SELLER_FAVOUR");
    assert.equal(await shop.deliver(won), "done");
    assert.deepEqual(await rows(shop), []);
  },
);

inShop("a refund that is pending for ever is the operator's after three weeks", async (shop) => {
  const refunds = refundsOf(shop);
  const bought = await purchase(shop, {});
  shop.paypal.wrong.pendingRefund = true;
  await refunds.claim(bought.receipt);
  await lookFor(shop, refunds, LIFETIMES.refundTried.days - 1);
  assert.deepEqual(stoppedLines(shop), []);
  await lookFor(shop, refunds, 3);
  assert.deepEqual(stoppedLines(shop), ["refund-stopped expired"]);
  const looks = shop.paypal.calls.length;
  await lookFor(shop, refunds, 3);
  assert.equal(shop.paypal.calls.length, looks);
  assert.equal((await refunds.due())[0]!.nextS, undefined);
  // It arrives after all, and PayPal says so.
  shop.paypal.finishRefund(bought.paymentId);
  const { body, ...event } = shop.events("PAYMENT.CAPTURE.REFUNDED").at(-1)!;
  assert.equal(await shop.deliver({ ...event, body: body.replace('"PENDING"', '"COMPLETED"') }), "done");
  assert.deepEqual(await rows(shop), []);
});

inShop("the office died before it heard that its refund is pending: PayPal's event says so", async (shop) => {
  const refunds = refundsOf(shop);
  const bought = await purchase(shop, { accountId: await shop.member("deaf") });
  shop.paypal.wrong.pendingRefund = true;
  shop.paypal.wrong.losesAnswers = true;
  assert.equal((await refunds.claim(bought.receipt)).outcome, "unavailable");
  shop.paypal.wrong.losesAnswers = false;
  assert.equal(await shop.deliver(shop.events("PAYMENT.CAPTURE.REFUNDED").at(-1)!), "done");
  assert.notEqual((await refunds.due())[0]?.pendingAs, undefined);
  shop.paypal.failRefund(bought.paymentId);
  await lookFor(shop, refunds, 1);
  assert.deepEqual(stoppedLines(shop), ["refund-stopped refused"]);
});

inShop(
  "the office died before it heard that its refund is pending, and it is made by now: one look is enough",
  async (shop) => {
    const refunds = refundsOf(shop);
    const bought = await purchase(shop, { accountId: await shop.member("late") });
    shop.paypal.wrong.pendingRefund = true;
    shop.paypal.wrong.losesAnswers = true;
    assert.equal((await refunds.claim(bought.receipt)).outcome, "unavailable");
    shop.paypal.wrong.losesAnswers = false;
    shop.paypal.finishRefund(bought.paymentId);
    shop.clock.advance(20 * MINUTE_MS);
    await refunds.round();
    assert.deepEqual(await rows(shop), []);
    assert.equal(given(shop, bought), 1);
  },
);

inShop(
  "money for an account that is gone, pending on its way back, is looked at too, and its subscription ends",
  async (shop) => {
    const refunds = refundsOf(shop);
    const accountId = await shop.member("gone-pending");
    const reference = await shop.approved({ accountId }, "subscription");
    await shop.accounts.remove(accountId);
    shop.paypal.wrong.pendingRefund = true;
    assert.equal((await shop.subscriptions.finish(reference)).state, "refused");
    assert.equal(shop.paypal.state.subscriptions.get(reference)!.status, "CANCELLED");
    const [due] = await refunds.due();
    assert.notEqual(due?.pendingAs, undefined);
    shop.paypal.failRefund(due!.paymentId);
    await lookFor(shop, refunds, 1);
    assert.equal((await refunds.due())[0]!.nextS, undefined);
    assert.deepEqual(stoppedLines(shop), ["refund-stopped refused"]);
  },
);

inShop(
  "one that PayPal refused first and takes on later is looked at, and no more to be made by hand",
  async (shop) => {
    const refunds = refundsOf(shop);
    const bought = await purchase(shop, {});
    shop.paypal.wrong.down = 503;
    await refunds.claim(bought.receipt);
    delete shop.paypal.wrong.down;
    shop.paypal.wrong.refund = "REFUND_NOT_ALLOWED";
    await lookFor(shop, refunds, 1);
    assert.equal((await refunds.due())[0]!.nextS, undefined);
    delete shop.paypal.wrong.refund;
    shop.paypal.wrong.pendingRefund = true;
    assert.equal((await refunds.claim(bought.receipt)).outcome, "given");
    assert.notEqual((await refunds.due())[0]!.nextS, undefined);
    shop.paypal.finishRefund(bought.paymentId);
    await lookFor(shop, refunds, 1);
    assert.deepEqual(await rows(shop), []);
  },
);

inShop("too little money at PayPal is no refusal for ever", async (shop) => {
  const refunds = refundsOf(shop);
  const bought = await purchase(shop, { accountId: await shop.member("poor") });
  shop.paypal.wrong.refund = "REFUND_FAILED_INSUFFICIENT_FUNDS";
  assert.equal((await refunds.claim(bought.receipt)).outcome, "unavailable");
  delete shop.paypal.wrong.refund;
  shop.clock.advance(MINUTE_MS);
  assert.equal(await refunds.round(), 1);
  assert.equal(given(shop, bought), 1);
});

inShop(
  "money for an account that is gone goes back by itself, too, and its subscription ends",
  async (shop) => {
    const refunds = refundsOf(shop);
    const accountId = await shop.member("gone");
    const reference = await shop.approved({ accountId }, "subscription");
    await shop.accounts.remove(accountId);
    shop.paypal.wrong.refund = "REFUND_FAILED_INSUFFICIENT_FUNDS";
    const finished = await shop.subscriptions.finish(reference);
    const paymentId = shop.paypal.state.subscriptions.get(reference)!.sales[0]!.id;
    assert.deepEqual(finished, { state: "refused", reason: "account-gone", refunded: false, paymentId });
    delete shop.paypal.wrong.refund;
    const [due] = await shop.payments.back.due.list();
    shop.clock.advance(MINUTE_MS);
    assert.equal(await refunds.round(), 1);
    assert.equal(given(shop, due!), 1);
    assert.equal(shop.paypal.state.subscriptions.get(reference)!.status, "CANCELLED");
    assert.deepEqual(await rows(shop), []);
  },
);

inShop("what was to go back and counts after all is left alone", async (shop) => {
  const refunds = refundsOf(shop);
  const accountId = await shop.member("back-again");
  const bought = await purchase(shop, { accountId });
  await shop.payments.back.oweBack({ provider: "paypal", paymentId: bought.paymentId });
  shop.clock.advance(MINUTE_MS);
  assert.equal(await refunds.round(), 0);
  assert.equal(given(shop, bought), 0);
  assert.deepEqual(await rows(shop), []);
});

inShop("a chargeback while PayPal is silent, decided for us: what was granted goes on", async (shop) => {
  const refunds = refundsOf(shop);
  const accountId = await shop.member("disputing");
  const time = await purchase(shop, { accountId });
  const voucher = await purchase(shop, {});
  const member = await shop.member("redeemer");
  shop.paypal.wrong.down = 503;
  for (const { receipt } of [time, voucher])
    assert.equal((await refunds.claim(receipt)).outcome, "unavailable");
  delete shop.paypal.wrong.down;
  for (const { paymentId } of [time, voucher])
    assert.equal(await shop.deliver(shop.paypal.reverse(paymentId)), "done");
  assert.equal(await shop.paidDays(accountId), 0);
  assert.deepEqual(await rows(shop), []);
  // Longer than the rules would grant it anew.
  shop.clock.advance(20 * DAY_MS);
  for (const { paymentId } of [time, voucher])
    assert.equal(await shop.deliver(shop.paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR")), "done");
  const code = shop.payments.voucherCode("paypal", voucher.paymentId);
  assert.equal((await shop.vouchers.redeem(member, code)).ok, false);
  const looked = await refunds.look(time.receipt);
  assert.ok(looked.outcome === "decided" && looked.decision.granted && looked.unfinished);
  shop.clock.advance(MINUTE_MS);
  assert.equal(await refunds.round(), 2);
  assert.deepEqual([given(shop, time), given(shop, voucher)], [1, 1]);
  assert.equal(await shop.paidDays(accountId), 0);
  assert.deepEqual(await rows(shop), []);
});

inShop("a row names neither payment, account nor amount", async (shop) => {
  const accountId = await shop.member("unnamed");
  const one = await purchase(shop, { accountId }, "subscription");
  const two = await purchase(shop, {});
  for (const { paymentId } of [one, two])
    assert.ok((await shop.payments.back.beginRefund("paypal", paymentId)).ok);
  const stored = await rows(shop);
  assert.equal(stored.length, 2);
  const text = JSON.stringify(stored);
  for (const secret of [accountId, one.paymentId, one.reference, two.paymentId])
    assert.ok(!text.includes(secret));
  assert.equal(new Set(stored.map(({ sealed }) => sealed.length)).size, 1);
});
