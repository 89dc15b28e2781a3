import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PASSWORD } from "../testkit.ts";
import { type AdminBench, type Operator, openAdminBench, operatorOf } from "./testkit.ts";

describe("an operator, of refunds,", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("sees what the rules say of a receipt, and gives back once", async () => {
    const made = await bench.accounts.signUp({ name: "payer", password: PASSWORD });
    assert.ok(made.ok);
    const atS = Math.floor(bench.clock.now() / 1000);
    const { order } = bench.orders.seal({
      kind: "account",
      accountId: made.value.id,
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: atS,
    });
    const paid = { provider: "paypal", method: "paypal", paymentId: "CAPTURE-1" } as const;
    await bench.payments.credit({ ...paid, order, paid: order.price, atS });
    const record = await bench.payments.find("paypal", "CAPTURE-1");
    const receipt = bench.receipts.issue("paypal", "CAPTURE-1", record!);
    const act = (action: string, text = receipt) =>
      operator.fill("refunds", "refunds", { action, receipt: text });
    assert.equal((await act("look", "LR1.<script>")).status, 422);
    const looked = await act("look");
    assert.match(looked.text, /granted by the rules/);
    assert.deepEqual(bench.givenBack, []);
    assert.match((await act("give")).text, /Given back: 5\.00 EUR\./);
    assert.match((await act("look")).text, /refused by the rules/);
    assert.equal((await act("give")).status, 422);
    assert.deepEqual(bench.givenBack, ["CAPTURE-1"]);
  });

  it("shows the refunds that PayPal has not made yet, and those that are to be made by hand", async () => {
    const { payments, clock } = bench;
    assert.doesNotMatch(await operator.text("refunds"), /not made by PayPal/);
    const atS = Math.floor(clock.now() / 1000);
    const price = { minor: 500, currency: "EUR" };
    const { order } = bench.orders.seal({ kind: "voucher", plan: "30days", days: 30, price, madeAt: atS });
    await payments.credit({
      provider: "paypal",
      method: "paypal",
      paymentId: "CAPTURE-2",
      order,
      paid: price,
      atS,
    });
    await payments.back.beginRefund("paypal", "CAPTURE-2");
    assert.match(await operator.text("refunds"), /CAPTURE-2.*0 times.* UTC/s);
    const overview = await operator.text("overview");
    assert.match(overview, /1 refund that PayPal has not made yet/);
    assert.doesNotMatch(overview, /by hand/);
    await bench.store.db
      .updateTable("refunds_due")
      .set(({ ref }) => ({ not_before: ref("delete_after") }))
      .execute();
    assert.match(await operator.text("refunds"), /CAPTURE-2.*to be made by hand, at PayPal/s);
    assert.match(await operator.text("overview"), /PayPal did not make 1 refund that the rules granted/);
    await payments.back.takeBack("paypal", "CAPTURE-2", "refund");
    assert.doesNotMatch(await operator.text("refunds"), /CAPTURE-2/);
  });
});
