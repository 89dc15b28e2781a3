import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { base32 } from "../lib/base32.ts";
import { CUSTOM_ID_MOST, OrderSeal, PLAN_ID_BYTES_MOST, type SealedOrder } from "./sealed-order.ts";

const seal = new OrderSeal(randomBytes(32));
const price = { minor: 1290, currency: "EUR" };
const order = { kind: "voucher", plan: "days-30", days: 30, price, madeAt: 1_900_000_000 } as const;

const characters = (alphabet: string, length: number) =>
  fc
    .array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length })
    .map((letters) => letters.join(""));

const orders = fc
  .record({
    account: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
    coupon: fc.option(characters("abcdefghijklmnopqrstuvwxyz234567", 20), { nil: undefined }),
    plan: characters("abcdefghijklmnopqrstuvwxyz-0123456789", PLAN_ID_BYTES_MOST),
    cut: fc.integer({ min: 1, max: PLAN_ID_BYTES_MOST }),
    days: fc.integer({ min: 1, max: 3660 }),
    minor: fc.integer({ min: 0, max: 0xffff_ffff }),
    currency: characters("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3),
    minutes: fc.integer({ min: 0, max: 0xffff_ffff }),
  })
  .map(({ account, coupon, plan, cut, days, minor, currency, minutes }) => ({
    kind: account === undefined ? ("voucher" as const) : ("account" as const),
    ...(account !== undefined && { accountId: base32(account) }),
    ...(coupon !== undefined && { coupon }),
    plan: plan.slice(0, cut),
    days,
    price: { minor, currency },
    madeAt: minutes * 60,
  }));

test("an order comes out of its seal as it went in, and fits into PayPal's custom_id", () => {
  fc.assert(
    fc.property(orders, (input) => {
      const { order, text } = seal.seal(input);
      assert.ok(text.length <= CUSTOM_ID_MOST, `${text.length} characters`);
      assert.match(text, /^[A-Za-z0-9_-]+$/);
      assert.deepEqual(seal.open(text), order);
      assert.deepEqual({ ...input, v: 1, nonce: order.nonce }, order);
    }),
  );
});

test("a sealed order that was altered in one character, cut or lengthened opens to nothing", () => {
  const { text } = seal.seal({ ...order, coupon: "abcdefghijklmnopqrst" });
  for (let at = 0; at < text.length; at += 1) {
    const other = text[at] === "A" ? "B" : "A";
    assert.equal(seal.open(text.slice(0, at) + other + text.slice(at + 1)), undefined);
    assert.equal(seal.open(text.slice(0, at)), undefined);
  }
  for (const bad of [`${text}A`, `${text}=`, ` ${text}`, "", "A".repeat(127), "A".repeat(128)])
    assert.equal(seal.open(bad), undefined);
  assert.equal(seal.open(undefined), undefined);
});

test("another office's key opens nothing", () => {
  assert.equal(new OrderSeal(randomBytes(32)).open(seal.seal(order).text), undefined);
});

test("the same order sealed twice is two texts: a provider cannot tell who comes back", () => {
  assert.notEqual(seal.seal(order).text, seal.seal(order).text);
});

test("what is no order is not sealed", () => {
  const bad: Partial<SealedOrder>[] = [
    { kind: "account" },
    { kind: "account", accountId: "abc" },
    { kind: "voucher", accountId: base32(randomBytes(16)) },
    { plan: "" },
    { plan: "x".repeat(PLAN_ID_BYTES_MOST + 1) },
    { days: -1 },
    { days: 1.5 + 70_000 },
    { price: { minor: -1, currency: "EUR" } },
    { price: { minor: 2 ** 32, currency: "EUR" } },
    { price: { minor: 1, currency: "eur" } },
    { coupon: "SHORT" },
  ];
  for (const change of bad)
    assert.throws(() => seal.seal({ ...order, ...change }), RangeError, JSON.stringify(change));
  assert.throws(() => new OrderSeal(randomBytes(16)), RangeError);
});
