import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { PAYMENT_METHODS } from "../policy/methods.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import { Receipts } from "./receipts.ts";

const receipts = new Receipts(new Uint8Array(32).fill(1));
const record: PaymentRecord = {
  state: "paid",
  method: "paypal",
  accountId: "abcdefghijklmnopqrstuvwxyz",
  plan: "365days",
  days: 365,
  paid: { minor: 4800, currency: "EUR" },
  coupon: false,
  atS: 1_900_000_020,
  fromS: 1_900_000_020,
  untilS: 1_931_536_020,
  takenS: 0,
  first: true,
};
const text = receipts.issue("paypal", "8MC585209K746392H", record);

test("a receipt says what was bought, and the office alone reads the payment's number in it", () => {
  assert.deepEqual(receipts.open(text), {
    ok: true,
    value: {
      receipt: {
        atS: 1_900_000_020,
        plan: "365days",
        days: 365,
        paid: { minor: 4800, currency: "EUR" },
        method: "paypal",
        first: true,
        coupon: false,
        voucher: false,
      },
      provider: "paypal",
      paymentId: "8MC585209K746392H",
    },
  });
  const bytes = Buffer.from(text.slice(4, -1), "base64url");
  assert.ok(!bytes.includes("8MC585209K746392H") && !bytes.includes("abcdefghijklm"));
  assert.ok(text.length < 300, `${text.length} characters: short enough for a QR code`);
  assert.equal(receipts.issue("paypal", "8MC585209K746392H", record), text, "one payment has one receipt");
});

test("with the public key alone anybody can check it", () => {
  const x = Buffer.from(receipts.publicKey, "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const bytes = Buffer.from(text.slice(4, -1), "base64url");
  assert.ok(verify(null, bytes.subarray(0, -64), key, bytes.subarray(-64)));
});

test("blanks, line breaks and whatever stands around it do no harm", () => {
  const wrapped = text.replace(/(.{40})/g, "$1\r\n> ").replaceAll("> ", "  ");
  for (const pasted of [` ${text}\n`, wrapped, `Receipt of X\nPaid: 1.00 EUR\n\n${text}\n-- \nsignature`])
    assert.ok(receipts.open(pasted).ok, pasted);
});

test("an altered one is refused at every bit, and another site's named as such", () => {
  const bytes = Buffer.from(text.slice(4, -1), "base64url");
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const altered = Buffer.from(bytes);
    altered[bit >> 3]! ^= 1 << (bit & 7);
    const opened = receipts.open(`LR1.${altered.toString("base64url")}.`);
    assert.deepEqual(opened, { ok: false, error: bit < 64 ? "receipt-other-site" : "receipt-altered" });
  }
  const other = new Receipts(new Uint8Array(32).fill(2)).issue("paypal", "X", record);
  assert.deepEqual(receipts.open(other), { ok: false, error: "receipt-other-site" });
  // With our key's name on it, and their signature.
  const forged = Buffer.from(other.slice(4, -1), "base64url");
  bytes.copy(forged, 0, 0, 8);
  assert.deepEqual(receipts.open(`LR1.${forged.toString("base64url")}.`), {
    ok: false,
    error: "receipt-altered",
  });
});

test("what is no receipt is told so, and nothing makes the reader fail", () => {
  for (const pasted of [
    "",
    "LR1.",
    "LR1.abc.",
    text.slice(0, -40),
    "x".repeat(20_000),
    `LR1.${"A".repeat(200)}`,
  ])
    assert.deepEqual(receipts.open(pasted), { ok: false, error: "receipt-malformed" }, pasted.slice(0, 20));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String({ minLength: 150 })), (noise) => {
      assert.equal(receipts.open(`LR1.${noise}.`).ok, false);
    }),
  );
});

test("every method, plan and price comes back as it was", () => {
  fc.assert(
    fc.property(
      fc.record({
        method: fc.constantFrom(...PAYMENT_METHODS),
        plan: fc.stringMatching(/^[a-z0-9]{1,24}$/),
        days: fc.integer({ min: 1, max: 3660 }),
        minor: fc.integer({ min: 0, max: 10_000_000 }),
        currency: fc.constantFrom("EUR", "JPY", "USD"),
        first: fc.boolean(),
        coupon: fc.boolean(),
        voucherHash: fc.option(fc.constant("f".repeat(64)), { nil: undefined }),
        paymentId: fc.stringMatching(/^[A-Za-z0-9-]{1,40}$/),
      }),
      ({ minor, currency, paymentId, ...rest }) => {
        const issued = { ...record, ...rest, paid: { minor, currency } };
        const opened = receipts.open(receipts.issue("btcpay", paymentId, issued));
        assert.ok(opened.ok);
        const { method, plan, days, first, coupon, voucherHash } = issued;
        const { atS } = record;
        const voucher = voucherHash !== undefined;
        const receipt = { atS, plan, days, paid: { minor, currency }, method, first, coupon, voucher };
        assert.deepEqual(opened.value, { receipt, provider: "btcpay", paymentId });
      },
    ),
    { numRuns: 200 },
  );
});
