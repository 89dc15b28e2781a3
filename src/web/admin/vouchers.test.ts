import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type AdminBench, type Operator, openAdminBench, operatorOf } from "./testkit.ts";

describe("an operator, of vouchers,", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("makes gift cards and coupons, which are shown once", async () => {
    const cards = await operator.fill("vouchers", "vouchers", { kind: "days", days: "30", count: "2" });
    const codes = cards.text.match(/[a-z2-7]{5}(-[a-z2-7]{5}){3}/g) ?? [];
    assert.equal(codes.length, 2);
    assert.match(await operator.text("vouchers"), /Not used yet: 2\./);
    const coupon = { kind: "percent", percent: "20", uses: "5", validDays: "90", count: "1" };
    assert.match((await operator.fill("vouchers", "vouchers", coupon)).text, /One code was made/);
    assert.match(
      (await operator.fill("vouchers", "vouchers", { ...coupon, plan: "week" })).text,
      /no plan of that id/,
    );
    for (const wrong of [{ percent: "101" }, { uses: "" }, { count: "201" }])
      assert.equal((await operator.fill("vouchers", "vouchers", { ...coupon, ...wrong })).status, 422);
  });
});
