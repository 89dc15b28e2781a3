import { Cash } from "../../src/billing/cash.ts";
import { Checkout } from "../../src/billing/checkout.ts";
import { Payments } from "../../src/billing/payments.ts";
import type { PaymentProvider } from "../../src/billing/providers.ts";
import { Receipts } from "../../src/billing/receipts.ts";
import { Refunds } from "../../src/billing/refunds.ts";
import { OrderSeal } from "../../src/billing/sealed-order.ts";
import { ok } from "../../src/lib/result.ts";
import type { PaymentMethod } from "../../src/policy/methods.ts";
import { DEFAULT_PLANS } from "../../src/policy/plans.ts";
import type { SiteOptions } from "../../src/web/options.ts";
import type { BenchParts } from "../../src/web/testkit.ts";

/** A provider whose buyers never come back from it. */
const provider = (method: PaymentMethod): PaymentProvider => ({
  method,
  begin: async () => ok({ redirect: "https://provider.example/pay", reference: "R1" }),
  finish: async () => ({ state: "open" }),
});

/** Every way to pay, of which cash alone is taken. */
export function selling(parts: BenchParts): Partial<SiteOptions> {
  const { vouchers, switches, clock, accounts } = parts;
  const paymentKey = new Uint8Array(32).fill(5);
  const payments = new Payments({ ...parts, paymentKey });
  const cash = new Cash({ ...parts, payments, paymentKey });
  const elsewhere = (["paypal", "paypal-subscription", "bitcoin", "monero"] as const).map(provider);
  const providers = [...elsewhere, cash];
  const receipts = new Receipts(paymentKey);
  const checkout = new Checkout({
    plans: DEFAULT_PLANS,
    providers,
    offered: providers.map(({ method }) => method),
    payments,
    receipts,
    vouchers,
    switches,
    seal: new OrderSeal(paymentKey),
    clock,
  });
  const refunds = new Refunds({ receipts, payments, accounts, providers: {}, clock, log: () => undefined });
  const address = ["Example Collective", "Post box 12", "1000 Anywhere"];
  return { buying: { checkout, payments, receipts, refunds, webhooks: {}, cash: { cash, address } } };
}
