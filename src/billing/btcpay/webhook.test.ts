import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { invoiceOf, signedByBtcpay } from "./webhook.ts";

const bytes = (text: string) => Buffer.from(text, "utf8");

/**
 * BTCPay's documentation calls the pattern GitHub's. GitHub's own vector: docs.github.com, "Validating webhook deliveries",
 * "Testing the webhook payload validation".
 */
test("the signature that GitHub publishes for this pattern holds", () => {
  const header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  assert.ok(signedByBtcpay("It's a Secret to Everybody", bytes("Hello, World!"), header));
});

test("the HMAC is RFC 4231's, also with a key of other letters", () => {
  // RFC 4231, test case 2.
  const header = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  assert.ok(signedByBtcpay("Jefe", bytes("what do ya want for nothing?"), header));
  const secret = "schlüssel-🔑";
  const mac = createHmac("sha256", bytes(secret)).update("x").digest("hex");
  assert.ok(signedByBtcpay(secret, bytes("x"), `sha256=${mac}`));
});

test("nothing else does: another body, another secret, another form, no header", () => {
  const secret = "It's a Secret to Everybody";
  const right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const body = bytes("Hello, World!");
  assert.ok(!signedByBtcpay(secret, bytes("Hello, World"), right));
  assert.ok(!signedByBtcpay(secret, bytes("Hello, World!\n"), right));
  assert.ok(!signedByBtcpay("another", body, right));
  for (const header of [
    undefined,
    "",
    right.slice(7),
    right.slice(0, -1),
    `${right}0`,
    ` ${right}`,
    right.replace("sha256", "sha1"),
    `sha256=${"0".repeat(64)}`,
    `${right}, ${right}`,
  ])
    assert.ok(!signedByBtcpay(secret, body, header), String(header));
});

test("any changed bit of a body makes the signature wrong", () => {
  const property = fc.property(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.nat(),
    fc.integer({ min: 0, max: 7 }),
    (body, at, bit) => {
      const header = `sha256=${createHmac("sha256", "s").update(body).digest("hex")}`;
      assert.ok(signedByBtcpay("s", body, header));
      const mutated = Uint8Array.from(body);
      mutated[at % body.length]! ^= 1 << bit;
      assert.ok(!signedByBtcpay("s", mutated, header));
    },
  );
  fc.assert(property);
});

/** Greenfield API, "WebhookInvoiceSettledEvent", with the fields that BTCPay Server 2 sends beside. */
const SETTLED = {
  manuallyMarked: false,
  overPaid: false,
  deliveryId: "CsSQfzvdb2bpmuGmxEgW9p",
  webhookId: "AVp6FGpTnzDKwGUtbZVLAz",
  originalDeliveryId: "CsSQfzvdb2bpmuGmxEgW9p",
  isRedelivery: false,
  type: "InvoiceSettled",
  timestamp: 1700000000,
  storeId: "ARkpPQbfkZcFW5P2YdjVLbbZqBcZX1vmnX7VScDNZhQe",
  invoiceId: "HTXZPhVFZ9XsNyE3ESm8BT",
  metadata: { orderId: "x" },
};

test("of an event it is told which invoice of which store has news, and nothing else is read", () => {
  const of = (event: unknown) => invoiceOf(bytes(JSON.stringify(event)), SETTLED.storeId);
  assert.equal(of(SETTLED), SETTLED.invoiceId);
  assert.equal(of({ ...SETTLED, type: "SomethingOfALaterVersion" }), SETTLED.invoiceId);
  assert.equal(of({ ...SETTLED, storeId: "another" }), undefined);
  assert.equal(of({ ...SETTLED, invoiceId: undefined }), undefined, "a test delivery, a payout");
  for (const invoiceId of ["", "../../other", "a/b", "a?b", 7, null, ["x"], "x".repeat(101)])
    assert.equal(of({ ...SETTLED, invoiceId }), undefined);
  for (const text of ["", "null", "[]", "{", '"x"', "\u0000"])
    assert.equal(invoiceOf(bytes(text), "s"), undefined);
});
