import assert from "node:assert/strict";
import { Accounts } from "../accounts/accounts.ts";
import { FakeClock } from "../lib/clock.ts";
import { grouped } from "../lib/typed-code.ts";
import { sweep } from "../store/inventory.ts";
import { everyTable } from "../store/inventory-tables.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { CASH_CODE_GROUP, Cash } from "./cash.ts";
import { Payments } from "./payments.ts";
import { OrderSeal, type SealedOrder } from "./sealed-order.ts";
import { Vouchers } from "./vouchers.ts";

const DAY_S = 86_400;
const siteSecret = new Uint8Array(32).fill(7);
const paymentKey = new Uint8Array(32).fill(9);
const price = { minor: 500, currency: "EUR" };
const urls = {
  returnTo: "https://vpn.example/order/return",
  cancelled: "https://vpn.example/order/cancelled",
};

async function newOffice(kind: StoreKind) {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 34, 0));
  const { store, files } = await openTestStore(kind);
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey });
  const cash = new Cash({ store, clock, payments, paymentKey });
  const seal = new OrderSeal(paymentKey);
  const made = await accounts.signUp({ name: "alice", password: "correct horse battery" });
  assert.ok(made.ok);
  const { id } = made.value;
  const order = async (kind: SealedOrder["kind"], more: Partial<SealedOrder> = {}) => {
    const sealed = seal.seal({
      kind,
      ...(kind === "account" && { accountId: id }),
      plan: "30days",
      days: 30,
      price,
      madeAt: clock.now() / 1000,
      ...more,
    });
    const begun = await cash.begin(sealed.order, sealed.text, urls);
    assert.ok(begun.ok);
    assert.equal(begun.value.redirect, urls.returnTo);
    return { code: begun.value.reference, ...sealed };
  };
  const paidUntil = async () => (await accounts.byName("alice"))?.paidUntil;
  return { accounts, cash, clock, files, id, order, paidUntil, payments, store, vouchers };
}

onEachStore("an order waits under a code that stands nowhere, and is booked once", async (kind) => {
  const { cash, clock, files, id, order, paidUntil, store } = await newOffice(kind);
  const { code, order: ordered, text } = await order("account");
  assert.match(code, /^[a-z2-7]{16}$/);
  const again = await cash.begin(ordered, text, urls);
  assert.deepEqual(again.ok && again.value.reference, code, "a double click");
  assert.deepEqual(await cash.finish(code), { state: "waiting" });
  await store.scrub();
  for (const bytes of await files())
    assert.ok(!bytes.includes(code) && !bytes.includes(grouped(code, CASH_CODE_GROUP)));
  const rows = await store.db.selectFrom("cash_orders").selectAll().execute();
  assert.equal(rows.length, 1);
  assert.ok(!JSON.stringify(rows).includes(id), "the list says nothing of whose account it is");
  const day = Math.floor(clock.now() / 1000 / DAY_S) * DAY_S;
  const waiting = { plan: "30days", days: 30, price, orderedS: day };
  assert.deepEqual(await cash.list(), [waiting]);
  assert.deepEqual(await cash.look(grouped(code, CASH_CODE_GROUP).toUpperCase()), {
    ...waiting,
    kind: "account",
  });

  const booked = await cash.book(` ${grouped(code, CASH_CODE_GROUP)}\n`);
  assert.deepEqual(booked, { ok: true, value: { ...waiting, kind: "account", already: false } });
  assert.equal(await paidUntil(), clock.now() / 1000 + 30 * DAY_S);
  assert.deepEqual(await cash.list(), []);
  const twice = await cash.book(code);
  assert.ok(twice.ok && twice.value.already);
  assert.equal(await paidUntil(), clock.now() / 1000 + 30 * DAY_S);
  assert.deepEqual(await cash.finish(code), { state: "paid", provider: "cash", paymentId: code });
  assert.deepEqual((await cash.begin(ordered, text, urls)).ok, true);
  assert.deepEqual(await cash.list(), [], "the same form, sent again later, orders nothing anew");
  await store.close();
});

onEachStore("booked twice at one time it counts once", async (kind) => {
  const { cash, clock, order, paidUntil, store } = await newOffice(kind);
  const { code } = await order("account");
  const all = await Promise.all(Array.from({ length: 5 }, () => cash.book(code)));
  assert.ok(all.every(({ ok }) => ok));
  assert.equal(await paidUntil(), clock.now() / 1000 + 30 * DAY_S);
  await store.close();
});

onEachStore("an envelope for a voucher makes one that whoever has the code gets", async (kind) => {
  const { accounts, cash, id, order, payments, store, vouchers } = await newOffice(kind);
  const { code } = await order("voucher");
  const voucher = payments.voucherCode("cash", code);
  assert.deepEqual(await vouchers.redeem(id, voucher), { ok: false, error: "voucher-unknown" });
  assert.ok((await cash.book(code)).ok);
  assert.equal((await vouchers.redeem(id, voucher)).ok, true);
  const before = await cash.book(code);
  assert.ok(before.ok && before.value.already && before.value.kind === "voucher");
  assert.ok(await accounts.byName("alice"));
  await store.close();
});

onEachStore("too little, another currency, or an account that is gone books nothing", async (kind) => {
  const { accounts, cash, clock, id, order, paidUntil, store } = await newOffice(kind);
  const { code } = await order("account");
  assert.deepEqual(await cash.book(code, { minor: 499, currency: "EUR" }), {
    ok: false,
    error: "amount-differs",
  });
  assert.deepEqual(await cash.book(code, { minor: 500, currency: "USD" }), {
    ok: false,
    error: "amount-differs",
  });
  assert.equal(await paidUntil(), undefined);
  assert.equal((await cash.list()).length, 1);
  assert.ok((await cash.book(code, { minor: 1000, currency: "EUR" })).ok, "more than the price is enough");
  assert.equal(await paidUntil(), clock.now() / 1000 + 30 * DAY_S);
  const late = await order("account");
  await accounts.terminate("alice");
  assert.deepEqual(await cash.book(late.code), { ok: false, error: "account-terminated" });
  await accounts.remove(id);
  assert.deepEqual(await cash.book(late.code), { ok: false, error: "account-gone" });
  assert.equal(await cash.cancel(late.code), true);
  assert.equal(await cash.cancel(late.code), false);
  assert.deepEqual(await cash.book(late.code), { ok: false, error: "cash-unknown" });
  assert.deepEqual(await cash.finish(late.code), { state: "failed", reason: "expired" });
  await store.close();
});

onEachStore("an order lives as long as the inventory says, to the second", async (kind) => {
  assert.match(
    everyTable.cash_orders!.lifetime,
    /to the end of the day \(UTC\) 90 days after the order at most$/,
  );
  const { cash, clock, order, store } = await newOffice(kind);
  await order("account");
  const dayS = Math.floor(clock.now() / 1000 / DAY_S) * DAY_S;
  clock.advance((dayS + 91 * DAY_S - 1) * 1000 - clock.now());
  assert.equal((await cash.list()).length, 1);
  clock.advance(1000);
  assert.equal((await cash.list()).length, 0);
  await sweep(store, clock);
  assert.equal((await store.db.selectFrom("cash_orders").selectAll().execute()).length, 0);
  await store.close();
});

onEachStore("an order is forgotten after 90 days", async (kind) => {
  const { cash, clock, order, store } = await newOffice(kind);
  const { code } = await order("account");
  clock.advance(89 * DAY_S * 1000);
  await sweep(store, clock);
  assert.equal((await cash.list()).length, 1);
  clock.advance(3 * DAY_S * 1000);
  assert.deepEqual(await cash.book(code), { ok: false, error: "cash-unknown" });
  await sweep(store, clock);
  assert.equal((await store.db.selectFrom("cash_orders").selectAll().execute()).length, 0);
  await store.close();
});

onEachStore("what a row holds of the longest order is as long as of the shortest", async (kind) => {
  const { order, store } = await newOffice(kind);
  await order("voucher", { plan: "a" });
  await order("account", {
    plan: "a".repeat(24),
    coupon: "abcdefghijklmnopqrst",
    days: 3650,
    price: { minor: 9_999_999, currency: "EUR" },
  });
  const rows = await store.db.selectFrom("cash_orders").select("sealed").execute();
  assert.equal(new Set(rows.map(({ sealed }) => sealed.length)).size, 1);
  await store.close();
});
