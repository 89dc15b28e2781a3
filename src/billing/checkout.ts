import { createHmac, randomBytes } from "node:crypto";
import type { AccountView } from "../accounts/account-view.ts";
import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { keepsOthersOut } from "../policy/expiry.ts";
import { METHODS, PAYMENT_METHODS, type PaymentMethod } from "../policy/methods.ts";
import { type Money, percentOff } from "../policy/money.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import { type Plan, planOf, SUBSCRIPTION_DAYS_MOST } from "../policy/plans.ts";
import type { Switches } from "../store/switches.ts";
import type { Payments } from "./payments.ts";
import type { CheckoutUrls, Finished, PaymentProvider, ProviderError, ProviderName } from "./providers.ts";
import type { Receipts } from "./receipts.ts";
import type { OrderSeal } from "./sealed-order.ts";
import type { CouponError, Vouchers } from "./vouchers.ts";

/** Where nothing is to be paid, a coupon pays. */
const NO_PROVIDER: ProviderName = "coupon";
/** A form that is sent twice within so long is one order. */
const SAME_ATTEMPT_MS = 10 * 60_000;
const ATTEMPTS_MOST = 10_000;
/** What PayPal and BTCPay take payments of at least: one minor unit. */
const PRICE_LEAST = 1;

export type CheckoutError =
  | CouponError
  | ProviderError
  | "plan-unknown"
  | "method-unknown"
  | "method-needs-account"
  | "subscription-runs"
  | "subscription-too-long"
  | "subscription-no-coupon"
  | "account-terminated";

export interface Wish {
  planId: string;
  method: string;
  /** As typed; empty: none. */
  coupon: string;
  /** Whose time is to be extended; undefined: a voucher is bought. */
  account?: AccountView | undefined;
  /** Out of the form: the same text from the same visitor is the same attempt. */
  attempt: string;
}

/** An order that was begun, as the buyer's browser keeps it (sealed). */
export interface BegunOrder {
  /** 8 characters that tell one order of a browser from another. */
  id: string;
  method: PaymentMethod;
  reference: string;
  plan: string;
  price: Money;
  forAccount: boolean;
}

/** What has been bought, for the page that comes after. */
export interface Bought {
  provider: ProviderName;
  paymentId: string;
  record: PaymentRecord;
  /** The code of a voucher that was bought. */
  voucher: string | undefined;
  receipt: string;
}

type Begun = Result<{ order: BegunOrder; redirect: string }, CheckoutError>;

/** From a chosen plan to the place where it is paid, and back. */
export class Checkout {
  readonly plans: readonly Plan[];
  readonly #providers: ReadonlyMap<PaymentMethod, PaymentProvider>;
  readonly #options: CheckoutOptions;
  readonly #attemptKey = randomBytes(32);
  /** Oldest first. */
  readonly #attempts = new Map<string, { atMs: number; begun: Promise<Begun> }>();

  constructor(options: CheckoutOptions) {
    this.plans = options.plans;
    this.#providers = new Map(options.providers.map((provider) => [provider.method, provider]));
    this.#options = options;
  }

  /** The ways to pay that are open now, in the order in which they are shown. */
  async methods(): Promise<PaymentMethod[]> {
    const off = await this.#options.switches.off();
    if (off.has("buying")) return [];
    const { offered } = this.#options;
    return PAYMENT_METHODS.filter((method) => offered.includes(method) && !off.has(method));
  }

  /** What a plan costs with a coupon. */
  async quote(
    planId: string,
    coupon: string,
  ): Promise<Result<{ plan: Plan; price: Money; percent: number; coupon?: string }, CheckoutError>> {
    const plan = planOf(this.plans, planId);
    if (plan === undefined) return fail("plan-unknown");
    if (coupon.trim() === "") return ok({ plan, price: plan.price, percent: 0 });
    if (!(await this.#options.switches.isOn("coupon"))) return fail("voucher-unknown");
    const taken = await this.#options.vouchers.coupon(coupon, planId);
    if (!taken.ok) return taken;
    const { percent, plain } = taken.value;
    const rest = percentOff(plan.price, percent);
    // A rest that rounds to nothing would be a gift that the coupon does not say.
    const price = percent < 100 && rest.minor < PRICE_LEAST ? { ...rest, minor: PRICE_LEAST } : rest;
    return ok({ plan, price, percent, coupon: plain });
  }

  /** Begins an order with its provider. Sent twice (a double click), the same form begins one. */
  begin(wish: Wish, urlsOf: (orderId: string) => CheckoutUrls): Promise<Begun> {
    const nowMs = this.#options.clock.monotonic();
    for (const [key, { atMs }] of this.#attempts) {
      if (nowMs - atMs < SAME_ATTEMPT_MS && this.#attempts.size < ATTEMPTS_MOST) break;
      this.#attempts.delete(key);
    }
    const { planId, method, coupon, account, attempt } = wish;
    const key = createHmac("sha256", this.#attemptKey)
      .update(JSON.stringify([attempt, planId, method, coupon, account?.id]))
      .digest("base64");
    const before = this.#attempts.get(key);
    if (before !== undefined) return before.begun;
    const begun = this.#begin(wish, urlsOf);
    this.#attempts.set(key, { atMs: nowMs, begun });
    const forget = () => this.#attempts.delete(key);
    begun.then(({ ok }) => ok || forget(), forget);
    return begun;
  }

  /** How an order stands, asked of the provider. Never throws for what a provider does. */
  async finish(order: BegunOrder): Promise<Finished> {
    if (order.method === "coupon")
      return { state: "paid", provider: NO_PROVIDER, paymentId: order.reference };
    const provider = this.#providers.get(order.method);
    return provider === undefined ? { state: "unavailable" } : provider.finish(order.reference);
  }

  /** What this payment bought, with voucher and receipt; undefined where it never counted. */
  async bought(provider: ProviderName, paymentId: string): Promise<Bought | undefined> {
    const { payments, receipts } = this.#options;
    const record = await payments.find(provider, paymentId);
    if (record === undefined) return undefined;
    const voucher = record.voucherHash === undefined ? undefined : payments.voucherCode(provider, paymentId);
    return { provider, paymentId, record, voucher, receipt: receipts.issue(provider, paymentId, record) };
  }

  async #begin(wish: Wish, urlsOf: (orderId: string) => CheckoutUrls): Promise<Begun> {
    const { account } = wish;
    const quote = await this.quote(wish.planId, wish.coupon);
    if (!quote.ok) return quote;
    const { plan, price, coupon } = quote.value;
    const method = (await this.methods()).find((each) => each === wish.method);
    const free = price.minor === 0;
    if (method === undefined && !free) return fail("method-unknown");
    if (account?.terminated === true) return fail("account-terminated");
    if (method === "paypal-subscription" && !free) {
      if (plan.days > SUBSCRIPTION_DAYS_MOST) return fail("subscription-too-long");
      // A coupon takes something off once; a subscription's price is the same every time.
      if (coupon !== undefined) return fail("subscription-no-coupon");
      if (account !== undefined && keepsOthersOut(account.renews, account.paidUntil, this.#nowS()))
        return fail("subscription-runs");
    }
    if (method !== undefined && METHODS[method].needsAccount && account === undefined && !free)
      return fail("method-needs-account");

    const nowS = this.#nowS();
    const { order, text } = this.#options.seal.seal({
      kind: account === undefined ? "voucher" : "account",
      ...(account !== undefined && { accountId: account.id }),
      plan: plan.id,
      days: plan.days,
      price,
      ...(coupon !== undefined && { coupon }),
      madeAt: nowS,
    });
    const id = order.nonce.slice(0, 8);
    const urls = urlsOf(id);
    const shown = { id, plan: plan.id, price, forAccount: account !== undefined };
    if (free || method === undefined) {
      const paid = { minor: 0, currency: price.currency };
      const credited = await this.#options.payments.credit({
        provider: NO_PROVIDER,
        method: "coupon",
        paymentId: order.nonce,
        order,
        paid,
        atS: nowS,
      });
      if (!credited.ok)
        return fail(credited.error === "account-terminated" ? "account-terminated" : "voucher-used");
      return ok({
        order: { ...shown, method: "coupon" as const, reference: order.nonce },
        redirect: urls.returnTo,
      });
    }
    const begun = await this.#providers.get(method)!.begin(order, text, urls);
    if (!begun.ok) return begun;
    const { redirect, reference } = begun.value;
    return ok({ order: { ...shown, method, reference }, redirect });
  }

  #nowS(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }
}

export interface CheckoutOptions {
  plans: readonly Plan[];
  /** All that are set up: orders that were begun come back to them, whatever is offered now. */
  providers: readonly PaymentProvider[];
  /** Those of them that are offered, until somebody switches one off. */
  offered: readonly PaymentMethod[];
  payments: Payments;
  receipts: Receipts;
  vouchers: Vouchers;
  switches: Pick<Switches, "off" | "isOn">;
  seal: OrderSeal;
  clock: Clock;
}
