import { Checkout } from "../billing/checkout.ts";
import { Payments } from "../billing/payments.ts";
import type { PaymentProvider } from "../billing/providers.ts";
import { Receipts } from "../billing/receipts.ts";
import { Refunds } from "../billing/refunds.ts";
import { OrderSeal } from "../billing/sealed-order.ts";
import { DEFAULT_PLANS } from "../policy/plans.ts";
import type { BuyingDoor } from "./options.ts";
import type { BenchParts } from "./testkit.ts";

/** What sells on a bench's site: the usual plans, paid with the providers given; nothing is refunded by itself. For tests. */
export function testBuying(
  parts: BenchParts,
  paymentKey: Uint8Array,
  providersOf: (payments: Payments) => readonly PaymentProvider[],
): Pick<BuyingDoor, "checkout" | "payments" | "receipts" | "refunds"> {
  const { vouchers, switches, clock, accounts } = parts;
  const payments = new Payments({ ...parts, paymentKey });
  const providers = providersOf(payments);
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
  return { checkout, payments, receipts, refunds };
}
