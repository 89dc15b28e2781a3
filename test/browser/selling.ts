import { Cash } from "../../src/billing/cash.ts";
import type { PaymentProvider } from "../../src/billing/providers.ts";
import { ok } from "../../src/lib/result.ts";
import type { PaymentMethod } from "../../src/policy/methods.ts";
import type { SiteOptions } from "../../src/web/options.ts";
import type { BenchParts } from "../../src/web/testkit.ts";
import { testBuying } from "../../src/web/testkit-buying.ts";

/** A provider whose buyers never come back from it. */
const provider = (method: PaymentMethod): PaymentProvider => ({
  method,
  begin: async () => ok({ redirect: "https://provider.example/pay", reference: "R1" }),
  finish: async () => ({ state: "open" }),
});

/** Every way to pay, of which cash alone is taken. */
export function selling(parts: BenchParts): Partial<SiteOptions> {
  const paymentKey = new Uint8Array(32).fill(5);
  let cash: Cash | undefined;
  const buying = testBuying(parts, paymentKey, (payments) => {
    cash = new Cash({ ...parts, payments, paymentKey });
    return [...(["paypal", "paypal-subscription", "bitcoin", "monero"] as const).map(provider), cash];
  });
  const address = ["Example Collective", "Post box 12", "1000 Anywhere"];
  return { buying: { ...buying, webhooks: {}, cash: { cash: cash!, address } } };
}
