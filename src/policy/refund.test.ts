import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PAYMENT_METHODS } from "./methods.ts";
import { decideRefund, REFUND_RULES, type RefundClaim, refundSentence } from "./refund.ts";

const DAY_S = 86_400;
const BOUGHT = 1_900_000_000;
const claim: RefundClaim = {
  method: "paypal",
  boughtAt: BOUGHT,
  first: true,
  redeemedVoucher: false,
  alreadyRefunded: false,
  nowS: BOUGHT + DAY_S,
};
const ruleOf = (change: Partial<RefundClaim>) => {
  const decision = decideRefund({ ...claim, ...change });
  return decision.granted ? "granted" : decision.rule;
};

test("a first purchase by PayPal is given back within seven days, to the second", () => {
  assert.equal(ruleOf({}), "granted");
  assert.equal(ruleOf({ method: "paypal-subscription" }), "granted");
  assert.equal(ruleOf({ nowS: BOUGHT + 7 * DAY_S }), "granted");
  assert.equal(ruleOf({ nowS: BOUGHT + 7 * DAY_S + 1 }), "within-seven-days");
  assert.equal(ruleOf({ first: false }), "first-purchase-only");
});

test("gift cards, coupons, cash and cryptocurrency are never given back, whatever else holds", () => {
  const never = {
    "gift-card": "never-gift-card",
    coupon: "never-coupon",
    cash: "never-cash",
    bitcoin: "never-cryptocurrency",
    monero: "never-cryptocurrency",
  } as const;
  for (const [method, rule] of Object.entries(never) as [keyof typeof never, string][])
    for (const change of [{}, { first: false }, { nowS: BOUGHT + 99 * DAY_S }, { alreadyRefunded: true }])
      assert.equal(ruleOf({ method, ...change }), rule);
  assert.equal(ruleOf({ coupon: true }), "never-coupon", "also where PayPal took the rest");
});

test("a voucher that was redeemed, and a payment that was given back, are not given back", () => {
  assert.equal(ruleOf({ redeemedVoucher: true }), "never-redeemed-voucher");
  assert.equal(ruleOf({ alreadyRefunded: true }), "refunded-once");
});

test("every refusal names a rule that the page shows, and every rule can decide", () => {
  const named = new Set<string>();
  fc.assert(
    fc.property(
      fc.record({
        method: fc.constantFrom(...PAYMENT_METHODS),
        coupon: fc.boolean(),
        first: fc.boolean(),
        redeemedVoucher: fc.boolean(),
        alreadyRefunded: fc.boolean(),
        nowS: fc.integer({ min: BOUGHT, max: BOUGHT + 20 * DAY_S }),
      }),
      (change) => {
        const rule = ruleOf(change);
        if (rule === "granted") {
          assert.ok(change.first && !change.coupon && change.nowS - BOUGHT <= 7 * DAY_S);
          assert.match(change.method, /^paypal/);
        } else {
          named.add(rule);
          const shown = REFUND_RULES.find(({ id }) => id === rule);
          assert.equal(shown?.sentence(undefined as never), refundSentence(rule));
        }
      },
    ),
    { numRuns: 2000 },
  );
  assert.deepEqual([...named].toSorted(), REFUND_RULES.map(({ id }) => id).toSorted());
});
