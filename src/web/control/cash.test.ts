import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { Accounts } from "../../accounts/accounts.ts";
import { CASH_CODE_GROUP, Cash } from "../../billing/cash.ts";
import { Payments } from "../../billing/payments.ts";
import { OrderSeal } from "../../billing/sealed-order.ts";
import { Vouchers } from "../../billing/vouchers.ts";
import { FakeClock } from "../../lib/clock.ts";
import { grouped } from "../../lib/typed-code.ts";
import { openTestStore } from "../../store/testing.ts";
import { addCashControl } from "./cash.ts";

const key = new Uint8Array(32).fill(3);

async function newControl() {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  const { store } = await openTestStore("sqlite");
  const accounts = new Accounts({ store, clock, siteSecret: key });
  const vouchers = new Vouchers({ store, clock, siteSecret: key, accounts });
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey: key });
  const cash = new Cash({ store, clock, payments, paymentKey: key });
  const { order, text } = new OrderSeal(key).seal({
    kind: "voucher",
    plan: "30days",
    days: 30,
    price: { minor: 500, currency: "EUR" },
    madeAt: clock.now() / 1000,
  });
  const begun = await cash.begin(order, text, { returnTo: "", cancelled: "" });
  assert.ok(begun.ok);
  const app = new Hono();
  addCashControl(app, cash);
  const ask = async (path: string, body?: object) => {
    const answer = await app.request(path, {
      method: body === undefined ? "GET" : "POST",
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, said: (await answer.json()) as Record<string, unknown> };
  };
  return { ask, code: grouped(begun.value.reference, CASH_CODE_GROUP), store };
}

test("an envelope is looked up, booked once, and gone from the list", async () => {
  const { ask, code, store } = await newControl();
  const order = { plan: "30days", days: 30, price: "5.00 EUR", ordered: "2030-06-01" };
  assert.deepEqual((await ask("/cash")).said, { orders: [order] });
  assert.deepEqual((await ask("/cash/look", { code })).said, { ...order, kind: "voucher" });
  const short = await ask("/cash/book", { code, amount: "4.99 EUR" });
  assert.equal(short.status, 400);
  assert.match(String(short.said.error), /less than the order costs/);
  const nonsense = await ask("/cash/book", { code, amount: "five euro" });
  assert.match(String(nonsense.said.error), /written like "5.00 EUR"/);
  const booked = await ask("/cash/book", { code, amount: "5 EUR" });
  assert.deepEqual(booked.said, { ...order, kind: "voucher", already: false });
  assert.equal((await ask("/cash/book", { code })).said.already, true);
  assert.deepEqual((await ask("/cash")).said, { orders: [] });
  assert.match(String((await ask("/cash/look", { code })).said.error), /No order waits/);
  await store.close();
});

test("an order is cancelled once; codes that are none are refused in words", async () => {
  const { ask, code, store } = await newControl();
  assert.deepEqual((await ask("/cash/cancel", { code })).said, { cancelled: true });
  for (const path of ["/cash/cancel", "/cash/look", "/cash/book"])
    for (const wrong of [code, "", "abcd", "'; drop table cash_orders; --"]) {
      const { status, said } = await ask(path, { code: wrong });
      assert.equal(status, 400);
      assert.match(String(said.error), /No order waits for that code/);
    }
  await store.close();
});

test("where no cash is taken, every command says which setting is missing", async () => {
  const app = new Hono();
  addCashControl(app, undefined);
  for (const [path, method] of [
    ["/cash", "GET"],
    ["/cash/look", "POST"],
    ["/cash/book", "POST"],
    ["/cash/cancel", "POST"],
  ] as const) {
    const answer = await app.request(path, { method });
    assert.equal(answer.status, 400);
    assert.match(((await answer.json()) as { error: string }).error, /cash.address/);
  }
});
