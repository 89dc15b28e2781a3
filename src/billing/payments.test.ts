import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { goesAfter, LIFETIMES } from "../policy/lifetimes.ts";
import { sweep } from "../store/inventory.ts";
import { onEachStore, openTestStore } from "../store/testing.ts";
import { billingOn } from "./testing.ts";

const DAY_S = 86_400;
const office = async (kind: "sqlite" | "postgres", options = {}) => {
  const opened = await openTestStore(kind);
  return { ...opened, ...billingOn(opened.store, options) };
};

onEachStore("a payment extends its account once, however often and at once it is reported", async (kind) => {
  const { store, payments, member, paidUntil, order, pay, nowS } = await office(kind);
  const id = await member("alice");
  const bought = order(id);
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => pay(bought, "CAP1")));
  const words = outcomes.map((outcome) => (outcome.ok ? outcome.value.outcome : outcome.error));
  assert.deepEqual(words.toSorted(), [...Array(7).fill("already"), "credited"]);
  assert.equal(await paidUntil(id), nowS() + 30 * DAY_S);
  assert.ok(
    (await pay(bought, "CAP2")).ok,
    "another payment by the same order (a subscription's next) counts too",
  );
  assert.equal(await paidUntil(id), nowS() + 60 * DAY_S);
  const first = await payments.find("paypal", "CAP1");
  assert.equal(first?.first, true);
  assert.equal((await payments.find("paypal", "CAP2"))?.first, false);
  assert.equal(
    await payments.find("btcpay", "CAP1"),
    undefined,
    "another provider's number is another payment",
  );
  await store.close();
});

onEachStore("nothing in the store names payment, account or amount beside one another", async (kind) => {
  const { store, files, member, order, pay } = await office(kind);
  const id = await member("alice");
  assert.ok((await pay(order(id), "CAPTURE-4711", { subscription: "I-SUBSCRIPTION" })).ok);
  await store.scrub();
  const rows = JSON.stringify(await store.db.selectFrom("payment_events").selectAll().execute());
  for (const secret of [id, "CAPTURE-4711", "I-SUBSCRIPTION", "30days"])
    assert.ok(!rows.includes(secret), secret);
  // So short a word stands in one of some hundred digests by chance.
  assert.doesNotMatch(rows, /(?<![\w-])EUR(?![\w-])/);
  for (const bytes of await files())
    for (const secret of ["CAPTURE-4711", "I-SUBSCRIPTION"]) assert.ok(!bytes.includes(secret), secret);
  await store.close();
});

test("less money, another currency, a lost or an ended account: nothing changes", async () => {
  const { store, accounts, payments, member, paidUntil, order, pay } = await office("sqlite");
  const id = await member("alice");
  const bought = order(id);
  for (const paid of [
    { minor: 499, currency: "EUR" },
    { minor: 500, currency: "USD" },
    { minor: 0, currency: "EUR" },
  ])
    assert.deepEqual(await pay(bought, "CAP1", { paid }), { ok: false, error: "amount-differs" });
  assert.equal(await paidUntil(id), undefined);
  assert.equal(await payments.find("paypal", "CAP1"), undefined);
  await accounts.terminate("alice");
  assert.equal(await payments.stillGood(bought), "account-terminated");
  assert.deepEqual(await pay(bought, "CAP1"), { ok: false, error: "account-terminated" });
  await accounts.reinstate("alice");
  assert.equal(await payments.stillGood(bought), "good");
  const more = await pay(bought, "CAP1", { paid: { minor: 700, currency: "EUR" } });
  assert.ok(more.ok, "who pays more gets what was ordered");
  await accounts.remove(id);
  assert.equal(await payments.stillGood(bought), "account-gone");
  assert.deepEqual(await pay(bought, "CAP2"), { ok: false, error: "account-gone" });
  assert.equal(await payments.find("paypal", "CAP2"), undefined);
  await store.close();
});

onEachStore("a voucher is bought without an account, and its code follows from the payment", async (kind) => {
  const { store, payments, vouchers, member, order, pay, paidUntil, nowS } = await office(kind);
  const bought = order(undefined);
  assert.ok((await pay(bought, "CAP1")).ok);
  assert.ok((await pay(bought, "CAP1")).ok);
  assert.deepEqual(await vouchers.counts(), { unused: 1, used: 0 });
  const code = payments.voucherCode("paypal", "CAP1");
  assert.notEqual(code, payments.voucherCode("paypal", "CAP2"));
  const record = (await payments.find("paypal", "CAP1"))!;
  assert.equal(await payments.voucherUsed(record), false);
  const id = await member("alice");
  assert.ok((await vouchers.redeem(id, code)).ok);
  assert.equal(await paidUntil(id), nowS() + 30 * DAY_S);
  assert.equal(await payments.voucherUsed(record), true);
  assert.deepEqual(await payments.back.takeBack("paypal", "CAP1", "chargeback"), {
    ok: true,
    value: {
      record: { ...record, state: "charged-back" },
      effect: "voucher-redeemed",
    },
  });
  assert.equal(await paidUntil(id), nowS() + 30 * DAY_S, "nothing says whose it was");
  await store.close();
});

onEachStore("a refund ends what was paid for; asked for twice at once it is begun once", async (kind) => {
  const { store, accounts, payments, member, paidUntil, order, pay, clock, nowS } = await office(kind);
  const id = await member("alice");
  assert.ok((await pay(order(id), "CAP1")).ok);
  clock.advance(3 * DAY_S * 1000);
  const begun = await Promise.all([1, 2, 3].map(() => payments.back.beginRefund("paypal", "CAP1")));
  const again = begun.map((each) => each.ok && each.value.again);
  assert.deepEqual(again.toSorted(), [false, true, true]);
  await payments.back.refundFailed("paypal", "CAP1", { again: false });
  assert.equal((await payments.find("paypal", "CAP1"))?.state, "paid");
  assert.ok((await payments.back.beginRefund("paypal", "CAP1")).ok);
  const heard: string[] = [];
  accounts.roster.onChange(({ kind }) => heard.push(kind));
  const ended = await Promise.all([1, 2].map(() => payments.back.takeBack("paypal", "CAP1", "refund")));
  assert.deepEqual(
    ended.map((each) => (each.ok ? each.value.effect : each.error)),
    ["account-shortened", "already"],
  );
  assert.equal(await paidUntil(id), nowS());
  assert.equal(heard.length, 1, "the exits hear of it");
  assert.deepEqual(await payments.back.beginRefund("paypal", "CAP1"), { ok: false, error: "already" });
  assert.deepEqual(await payments.back.beginRefund("paypal", "CAP9"), {
    ok: false,
    error: "payment-unknown",
  });
  await payments.back.refundFailed("paypal", "CAP1", { again: false });
  assert.equal((await payments.find("paypal", "CAP1"))?.state, "refunded");
  await store.close();
});

test("a payment that was taken back before it was reported counts for nothing", async () => {
  const { store, payments, member, paidUntil, order, pay } = await office("sqlite");
  const id = await member("alice");
  const early = await payments.back.takeBack("paypal", "CAP1", "chargeback");
  assert.equal(early.ok && early.value.effect, "not-counted-yet");
  const late = await pay(order(id), "CAP1");
  assert.equal(late.ok && late.value.outcome, "already");
  assert.equal(late.ok && late.value.record.state, "charged-back");
  assert.equal(await paidUntil(id), undefined);
  await store.close();
});

test("a chargeback ends its own days alone, is undone when it is decided for us, and both once", async () => {
  const { store, payments, vouchers, member, paidUntil, order, pay, clock, nowS } = await office("sqlite");
  const id = await member("alice");
  assert.ok((await pay(order(id), "CAP1")).ok);
  const [gift = ""] = await vouchers.create({ days: 10, count: 1 });
  assert.ok((await vouchers.redeem(id, gift)).ok);
  assert.ok((await pay(order(id), "CAP2")).ok);
  const end = nowS() + 70 * DAY_S;
  assert.equal(await paidUntil(id), end);
  clock.advance(12 * DAY_S * 1000);
  assert.ok((await payments.back.takeBack("paypal", "CAP1", "chargeback")).ok);
  assert.equal(await paidUntil(id), end - 18 * DAY_S, "the eighteen days of it that were to come");
  assert.equal((await payments.back.takeBack("paypal", "CAP1", "chargeback")).ok, false);
  assert.ok((await payments.back.giveAgain("paypal", "CAP1")).ok);
  assert.deepEqual(await payments.back.giveAgain("paypal", "CAP1"), { ok: false, error: "already" });
  assert.equal(await paidUntil(id), end);
  clock.advance(300 * DAY_S * 1000);
  const over = await paidUntil(id);
  assert.ok((await payments.back.takeBack("paypal", "CAP2", "chargeback")).ok, "months later");
  assert.equal(await paidUntil(id), over, "what is over stays as it was");
  await store.close();
});

test("a chargeback of a voucher that nobody used makes it void", async () => {
  const { store, payments, vouchers, member, order, pay } = await office("sqlite");
  assert.ok((await pay(order(undefined), "CAP1")).ok);
  const code = payments.voucherCode("paypal", "CAP1");
  const taken = await payments.back.takeBack("paypal", "CAP1", "chargeback");
  assert.equal(taken.ok && taken.value.effect, "voucher-voided");
  const id = await member("alice");
  assert.equal((await vouchers.redeem(id, code)).ok, false);
  assert.ok((await payments.back.giveAgain("paypal", "CAP1")).ok);
  assert.ok((await vouchers.redeem(id, code)).ok);
  await store.close();
});

test("a voucher lives no longer for having been void", async () => {
  const { store, clock, payments, order, pay } = await office("sqlite");
  const until = () => store.db.selectFrom("vouchers").select("delete_after").executeTakeFirstOrThrow();
  assert.ok((await pay(order(undefined), "CAP1")).ok);
  const bought = await until();
  clock.advance(170 * 86_400_000);
  assert.ok((await payments.back.takeBack("paypal", "CAP1", "chargeback")).ok);
  assert.deepEqual(await until(), bought);
  assert.ok((await payments.back.giveAgain("paypal", "CAP1")).ok);
  assert.deepEqual(await until(), bought);
  await store.close();
});

test("an account that is gone or ended is not brought back by a chargeback", async () => {
  const { store, accounts, payments, member, order, pay } = await office("sqlite");
  const id = await member("alice");
  assert.ok((await pay(order(id), "CAP1")).ok);
  await accounts.remove(id);
  const taken = await payments.back.takeBack("paypal", "CAP1", "chargeback");
  assert.equal(taken.ok && taken.value.effect, "account-gone");
  assert.ok((await payments.back.giveAgain("paypal", "CAP1")).ok);
  const other = await member("bob");
  assert.ok((await pay(order(other), "CAP2")).ok);
  const ended = await accounts.terminate("bob");
  assert.ok((await payments.back.takeBack("paypal", "CAP2", "chargeback")).ok);
  const now = (await accounts.byName("bob"))!;
  assert.ok(now.terminated);
  assert.equal(now.deleteAfter, ended.ok && ended.value.deleteAfter);
  await store.close();
});

onEachStore("a coupon for one order is not good for all that were begun before it was paid", async (kind) => {
  const { vouchers, order, member, pay, paidUntil, nowS } = await office(kind);
  const id = await member("hoarder");
  const [code = ""] = await vouchers.create({ percent: 99, uses: 1, count: 1 });
  const cheap = { coupon: code.replaceAll("-", ""), price: { minor: 5, currency: "EUR" } };
  const orders = Array.from({ length: 20 }, () => order(id, cheap));
  const credited = [];
  for (const [at, each] of orders.entries())
    credited.push(await pay(each, `I${at}`, { provider: "btcpay", method: "bitcoin" }));
  assert.equal(credited.filter(({ ok }) => ok).length, 6);
  assert.deepEqual(credited.at(-1), { ok: false, error: "coupon-used" });
  assert.equal((await paidUntil(id))! - nowS(), 6 * 30 * 86_400);
  // An envelope cannot be sent back.
  assert.ok((await pay(order(id, cheap), "C1", { provider: "cash", method: "cash" })).ok);
});

test("a coupon counts when its order is paid; one that pays everything is used up by it", async () => {
  const { store, payments, vouchers, member, order, pay, paidUntil, nowS } = await office("sqlite");
  const id = await member("alice");
  const [half = ""] = await vouchers.create({ percent: 50, uses: 1, count: 1 });
  const coupon = half.replaceAll("-", "");
  const price = { minor: 250, currency: "EUR" };
  const [one, other] = [order(id, { coupon, price }), order(id, { coupon, price })];
  assert.equal(await payments.stillGood(one), "good");
  assert.ok((await pay(one, "CAP1")).ok);
  assert.equal(await payments.stillGood(other), "coupon-used");
  const late = await pay(other, "CAP2");
  assert.ok(late.ok, "who has paid what was asked for gets it");
  assert.ok(late.value.record.coupon);
  const [all = ""] = await vouchers.create({ percent: 100, uses: 1, count: 1 });
  const free = { coupon: all.replaceAll("-", ""), price: { minor: 0, currency: "EUR" } };
  const before = await paidUntil(id);
  assert.ok((await pay(order(id, free), "N1", { provider: "coupon", method: "coupon" })).ok);
  assert.deepEqual(await pay(order(id, free), "N2", { provider: "coupon", method: "coupon" }), {
    ok: false,
    error: "coupon-used",
  });
  assert.equal(await paidUntil(id), before! + 30 * DAY_S);
  assert.ok(before! > nowS());
  await store.close();
});

test("payers are remembered only where the office is told to, and for a year", async () => {
  const without = await office("sqlite");
  assert.ok((await without.pay(without.order(undefined), "CAP1", { payer: "PAYER1" })).ok);
  assert.deepEqual(await without.store.db.selectFrom("payer_hashes").selectAll().execute(), []);
  await without.store.close();

  const { store, payments, clock, accounts, member, order, pay } = await office("sqlite", {
    rememberPayers: true,
  });
  const first = async (id: string, capture: string, payer: string) => {
    assert.ok((await pay(order(id), capture, { payer })).ok);
    return (await payments.find("paypal", capture))?.first;
  };
  const alice = await member("alice");
  assert.equal(await first(alice, "CAP1", "PAYER1"), true);
  await accounts.remove(alice);
  assert.equal(await first(await member("alice"), "CAP2", "PAYER1"), false, "signed up anew");
  assert.equal(await first(await member("bob"), "CAP3", "PAYER2"), true);
  const rows = await store.db.selectFrom("payer_hashes").selectAll().execute();
  assert.ok(!JSON.stringify(rows).includes("PAYER"));
  assert.equal(rows.length, 2);
  clock.advance((LIFETIMES.payerHash.days + 32) * DAY_S * 1000);
  await sweep(store, clock);
  assert.deepEqual(await store.db.selectFrom("payer_hashes").selectAll().execute(), []);
  await store.close();
});

test("what is known of a payment goes on time", async () => {
  const { store, payments, clock, member, order, pay, nowS } = await office("sqlite");
  const goesS = goesAfter(nowS(), LIFETIMES.paymentEvent.days);
  assert.ok((await pay(order(await member("alice")), "CAP1")).ok);
  clock.advance(9 * DAY_S * 1000);
  assert.ok((await pay(order(undefined), "CAP2")).ok);
  const rows = await store.db.selectFrom("payment_events").select("delete_after").execute();
  assert.deepEqual(new Set(rows.map((row) => row.delete_after)), new Set([goesS]), "of one month alike");
  clock.advance((goesS - nowS() - 1) * 1000);
  await sweep(store, clock);
  assert.ok(await payments.find("paypal", "CAP1"));
  clock.advance(1000);
  await sweep(store, clock);
  assert.equal(await payments.find("paypal", "CAP1"), undefined);
  await store.close();
});

test("when nothing is known of a payment any more, it does not count again; a subscription's next one does", async () => {
  const { store, payments, clock, accounts, member, order, pay } = await office("sqlite");
  const id = await member("alice");
  const [bought, gift] = [order(id), order(undefined)];
  assert.ok((await pay(bought, "SALE1", { subscription: "I-1" })).ok);
  assert.ok((await pay(gift, "CAP1")).ok);
  await accounts.extend(id, 3000);
  clock.advance((LIFETIMES.paymentEvent.days + 32) * DAY_S * 1000);
  await sweep(store, clock);
  assert.equal(await payments.find("paypal", "CAP1"), undefined);
  assert.deepEqual(await pay(gift, "CAP1"), { ok: false, error: "order-expired" });
  assert.ok((await pay(bought, "SALE15", { subscription: "I-1" })).ok);
  await store.close();
});

test("whatever is repeated, reordered and taken back: days given = payments that stand", async () => {
  const { store, payments, member, paidUntil, order, pay, nowS } = await office("sqlite");
  let names = 0;
  const step = fc.record({ payment: fc.integer({ min: 0, max: 3 }), takeBack: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const run = names++;
      const id = await member(`member${run}`);
      const bought = order(id);
      const counted = new Set<number>();
      const back = new Set<number>();
      for (const { payment, takeBack } of steps) {
        const capture = `CAP${run}-${payment}`;
        if (takeBack) {
          const outcome = await payments.back.takeBack("paypal", capture, "chargeback");
          assert.equal(outcome.ok, !back.has(payment));
          back.add(payment);
        } else {
          assert.ok((await pay(bought, capture)).ok);
          if (!back.has(payment)) counted.add(payment);
        }
      }
      const stand = [...counted].filter((payment) => !back.has(payment)).length;
      assert.equal(((await paidUntil(id)) ?? nowS()) - nowS(), stand * 30 * DAY_S);
    }),
    { numRuns: 30 },
  );
  await store.close();
});
