import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type AdminBench, type Operator, openAdminBench, operatorOf } from "./testkit.ts";

describe("an operator, of cash,", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("books the cash in an envelope once, by its code", async () => {
    const { order, text } = bench.orders.seal({
      kind: "voucher",
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: Math.floor(bench.clock.now() / 1000),
    });
    const urls = { returnTo: "http://localhost/order/return", cancelled: "http://localhost/order/cancelled" };
    const begun = await bench.cash.begin(order, text, urls);
    assert.ok(begun.ok);
    const code = begun.value.reference;
    assert.match(await operator.text("cash"), /<td data-label="Price">5\.00 EUR<\/td>/);
    assert.match(await operator.text("overview"), />1 order for cash</);
    const act = (fields: Record<string, string>) => operator.fill("cash", "cash", fields);
    assert.equal((await act({ action: "look", code: "aaaa-aaaa" })).status, 422);
    assert.match((await act({ action: "look", code: code.toUpperCase() })).text, /<h2>The order<\/h2>/);
    const little = await act({ action: "book", code, amount: "4.00 EUR" });
    assert.equal(little.status, 422);
    assert.match(little.text, /<h2>The order<\/h2>/, "and it can be booked still");
    assert.match((await act({ action: "book", code, amount: "5.00 EUR" })).text, /Booked\./);
    assert.match((await act({ action: "book", code, amount: "5.00 EUR" })).text, /It was booked already\./);
    assert.deepEqual([(await bench.cash.finish(code)).state, await bench.cash.list()], ["paid", []]);
  });
});
