import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  CURRENCIES,
  decimalOf,
  exponentOf,
  formatMoney,
  parseMoney,
  parsePrice,
  payable,
  percentOff,
  priceText,
} from "./money.ts";

test("decimal text is read exactly, and what is finer or no amount is refused", () => {
  assert.deepEqual(parseMoney("4.99", "EUR"), { minor: 499, currency: "EUR" });
  assert.deepEqual(parseMoney("5", "EUR"), { minor: 500, currency: "EUR" });
  assert.deepEqual(parseMoney("5.0", "EUR"), { minor: 500, currency: "EUR" });
  assert.deepEqual(parseMoney("4.990000", "EUR"), { minor: 499, currency: "EUR" });
  assert.deepEqual(parseMoney("500", "JPY"), { minor: 500, currency: "JPY" });
  assert.deepEqual(parseMoney("500.00", "JPY"), { minor: 500, currency: "JPY" });
  // 0.1 + 0.2 and 1.005 × 100 are what floats get wrong.
  assert.equal(parseMoney("0.30", "USD")!.minor, 30);
  assert.equal(parseMoney("1.15", "USD")!.minor, 115);
  for (const wrong of [
    "4.999",
    "-1.00",
    "+1",
    "1e3",
    "1,00",
    " 1",
    "1.",
    ".5",
    "",
    "٣",
    "9999999999999",
    "0x10",
  ])
    assert.equal(parseMoney(wrong, "EUR"), undefined, wrong);
  for (const currency of ["eur", "XXX", "", "__proto__", "constructor"])
    assert.equal(parseMoney("1.00", currency), undefined, currency);
});

test("a price in lethe.toml is an amount and a currency", () => {
  assert.deepEqual(parsePrice("5.00 EUR"), { minor: 500, currency: "EUR" });
  for (const wrong of ["5.00", "EUR 5.00", "5.00EUR", "5.00 EUR USD", "5.00\tEUR"])
    assert.equal(parsePrice(wrong), undefined, wrong);
});

test("amounts come back from their text as they were, in every currency", () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), fc.constantFrom(...CURRENCIES), (minor, currency) => {
      assert.deepEqual(parseMoney(decimalOf({ minor, currency }), currency), { minor, currency });
      assert.deepEqual(parsePrice(priceText({ minor, currency })), { minor, currency });
    }),
  );
});

test("PayPal gets no point in currencies that it takes whole", () => {
  assert.equal(decimalOf({ minor: 250_000, currency: "HUF" }), "2500");
  assert.equal(decimalOf({ minor: 500, currency: "JPY" }), "500");
  assert.equal(decimalOf({ minor: 5, currency: "EUR" }), "0.05");
  assert.equal(payable({ minor: 250_050, currency: "HUF" }), false);
  assert.equal(exponentOf("HUF"), 2);
});

test("percent off: the fraction is the buyer's, and the result can be paid", () => {
  assert.equal(percentOff({ minor: 499, currency: "EUR" }, 25).minor, 374);
  assert.equal(percentOff({ minor: 499, currency: "EUR" }, 100).minor, 0);
  assert.equal(percentOff({ minor: 499, currency: "EUR" }, 0).minor, 499);
  assert.equal(percentOff({ minor: 199_900, currency: "HUF" }, 10).minor, 179_900);
  for (const wrong of [-1, 101, 1.5, Number.NaN])
    assert.throws(() => percentOff({ minor: 1, currency: "EUR" }, wrong), RangeError);
  fc.assert(
    fc.property(fc.nat(10_000_000), fc.integer({ min: 0, max: 100 }), (minor, percent) => {
      const exact = (minor * (100 - percent)) / 100;
      const paid = percentOff({ minor, currency: "EUR" }, percent).minor;
      assert.ok(paid <= exact && exact - paid < 1);
    }),
  );
});

test("people read an amount in their language, with the digits of its currency", () => {
  assert.equal(formatMoney({ minor: 499, currency: "EUR" }), "€4.99");
  assert.equal(formatMoney({ minor: 499, currency: "EUR" }, "de").replace(/\s/u, " "), "4,99 €");
  assert.equal(formatMoney({ minor: 500, currency: "JPY" }), "¥500");
});
