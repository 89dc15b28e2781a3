import { createHash } from "node:crypto";
import { fail, ok, type Result } from "../../lib/result.ts";
import { priceText } from "../../policy/money.ts";
import { daysText, SUBSCRIPTION_DAYS_MOST } from "../../policy/plans.ts";
import type { Store } from "../../store/open.ts";
import { readFact, type SiteFact, writeFact } from "../../store/site.ts";
import type { Begun, CheckoutUrls, Finished, PaymentProvider, ProviderError } from "../providers.ts";
import type { SealedOrder } from "../sealed-order.ts";
import type { PayPalProblem } from "./client.ts";
import { logProblem, type PayPalParts, PayPalSettlement } from "./settlement.ts";

export interface PayPalShop extends PayPalParts {
  store: Store;
  siteName: string;
  /** Says whose PayPal account and which of PayPal's worlds it is: plans made in one are none of the other. */
  merchant: string;
}

const toError = (problem: PayPalProblem): ProviderError =>
  problem === "unavailable" ? "provider-unavailable" : "provider-refused";

/** A payment once: an order at PayPal, approved there by the buyer, taken when they come back (or when PayPal reports it). */
export class PayPalOneOff implements PaymentProvider {
  readonly method = "paypal";
  readonly #shop: PayPalShop;
  readonly #settlement: PayPalSettlement;

  constructor(shop: PayPalShop) {
    this.#shop = shop;
    this.#settlement = new PayPalSettlement(shop);
  }

  async begin(order: SealedOrder, text: string, urls: CheckoutUrls): Promise<Result<Begun, ProviderError>> {
    const made = await this.#shop.client.createOrder({
      price: order.price,
      title: titleOf(this.#shop, order),
      customId: text,
      siteName: this.#shop.siteName,
      returnUrl: urls.returnTo,
      cancelUrl: urls.cancelled,
    });
    if (!made.ok) return this.#fail(made.error);
    await this.#shop.payees.learn(made.value.payee);
    return ok({ redirect: made.value.approveUrl, reference: made.value.id });
  }

  async finish(reference: string): Promise<Finished> {
    const { client, payments, seal, payees } = this.#shop;
    const found = await client.order(reference);
    if (!found.ok) return unfinished(found.error);
    let order = found.value;
    if (order.status === "VOIDED") return { state: "failed", reason: "expired" };
    if (order.status === "APPROVED") {
      const [unit] = order.purchase_units ?? [];
      const ordered = seal.open(unit?.custom_id);
      if (ordered === undefined || !(await payees.isOurs(unit?.payee)))
        return { state: "failed", reason: "expired" };
      // Asked before the money is taken: what would be refused then is not taken at all.
      const good = await payments.stillGood(ordered);
      if (good !== "good") return { state: "refused", reason: good, refunded: true };
      const taken = await client.capture(reference);
      if (taken.ok) order = taken.value;
      else if (taken.error === "already") {
        const again = await client.order(reference);
        if (!again.ok) return unfinished(again.error);
        order = again.value;
      } else return unfinished(taken.error);
    }
    if (order.status !== "COMPLETED") {
      const redirect = order.links?.find(({ rel }) => rel === "payer-action" || rel === "approve")?.href;
      return { state: "open", ...(redirect !== undefined && { redirect }) };
    }
    return (await this.#settlement.ofOrder(order)) ?? { state: "failed", reason: "expired" };
  }

  #fail(problem: PayPalProblem): Result<never, ProviderError> {
    logProblem(this.#shop.log, problem);
    return fail(toError(problem));
  }
}

/** A subscription: PayPal charges the price again and again, until the member cancels it there. */
export class PayPalSubscriptions implements PaymentProvider {
  readonly method = "paypal-subscription";
  readonly #shop: PayPalShop;
  readonly #settlement: PayPalSettlement;

  constructor(shop: PayPalShop) {
    this.#shop = shop;
    this.#settlement = new PayPalSettlement(shop);
  }

  async begin(order: SealedOrder, text: string, urls: CheckoutUrls): Promise<Result<Begun, ProviderError>> {
    // A coupon is for one order, and PayPal would go on charging its price.
    if (order.coupon !== undefined || order.accountId === undefined || order.days > SUBSCRIPTION_DAYS_MOST)
      return fail("provider-refused");
    let gone: string | undefined;
    for (;;) {
      const planId = await this.#planFor(order, gone);
      if (!planId.ok) return this.#fail(planId.error);
      const made = await this.#shop.client.createSubscription({
        planId: planId.value,
        customId: text,
        siteName: this.#shop.siteName,
        returnUrl: urls.returnTo,
        cancelUrl: urls.cancelled,
      });
      if (made.ok) return ok({ redirect: made.value.approveUrl, reference: made.value.id });
      // Somebody has taken the plan away at PayPal: a new one is made, once.
      if (gone !== undefined || made.error !== "unknown") return this.#fail(made.error);
      gone = planId.value;
    }
  }

  async finish(reference: string): Promise<Finished> {
    const { client, seal } = this.#shop;
    const found = await client.subscription(reference);
    if (!found.ok) return unfinished(found.error);
    const subscription = found.value;
    if (seal.open(subscription.custom_id) === undefined) return { state: "failed", reason: "expired" };
    if (subscription.status === "APPROVAL_PENDING") {
      const redirect = subscription.links?.find(({ rel }) => rel === "approve")?.href;
      return { state: "open", ...(redirect !== undefined && { redirect }) };
    }
    const sinceS = Math.floor(Date.parse(subscription.create_time ?? subscription.start_time ?? "") / 1000);
    const paid = await client.subscriptionPayments(
      reference,
      Number.isNaN(sinceS) ? this.#dayAgoS() : sinceS - 60,
    );
    if (!paid.ok) return unfinished(paid.error);
    const noted = await this.#settlement.followSubscription(subscription);
    const [first] = paid.value;
    // Cancelled by us a moment ago; what it may yet charge goes back when PayPal tells of it.
    if (first === undefined && noted === "another-runs" && subscription.status === "ACTIVE")
      return { state: "refused", reason: "subscription-runs", refunded: true };
    if (first === undefined)
      return subscription.status === "ACTIVE" || subscription.status === "APPROVED"
        ? { state: "waiting" }
        : { state: "failed", reason: "cancelled" };
    const { id, status, time, amount_with_breakdown } = first;
    const sale = { id, state: status, amount: amount_with_breakdown.gross_amount, create_time: time };
    return (await this.#settlement.ofSale(sale, subscription)) ?? { state: "failed", reason: "expired" };
  }

  /**
   * PayPal's id of a plan with these days and this price, made on first use and remembered among the site's facts. Another price is
   * another plan: who has subscribed goes on paying what they agreed to. `gone`: the one that PayPal does not know any more.
   */
  async #planFor(order: SealedOrder, gone?: string): Promise<Result<string, PayPalProblem>> {
    const { store, client, siteName } = this.#shop;
    const fact: SiteFact = `paypal-plan:${order.plan} ${order.days} ${priceText(order.price)}`;
    const known = gone === undefined ? await this.#factOf(fact) : undefined;
    if (known !== undefined) return ok(known);
    let productId = gone === undefined ? await this.#factOf("paypal-product") : undefined;
    if (productId === undefined) {
      const product = await client.createProduct(siteName, gone);
      if (!product.ok) return product;
      productId = product.value.id;
      await writeFact(store, "paypal-product", this.#tagged(productId));
    }
    const plan = await client.createPlan({
      productId,
      title: titleOf(this.#shop, order),
      days: order.days,
      price: order.price,
    });
    if (!plan.ok) return plan;
    await writeFact(store, fact, this.#tagged(plan.value.id));
    return ok(plan.value.id);
  }

  async #factOf(name: SiteFact): Promise<string | undefined> {
    const value = await readFact(this.#shop.store, name);
    const [tag, id] = value?.split(" ") ?? [];
    return tag === this.#tag() ? id : undefined;
  }

  #tagged(id: string): string {
    return `${this.#tag()} ${id}`;
  }

  #tag(): string {
    return createHash("sha256").update(this.#shop.merchant).digest("hex").slice(0, 12);
  }

  #dayAgoS(): number {
    return Math.floor(this.#shop.clock.now() / 1000) - 86_400;
  }

  #fail(problem: PayPalProblem): Result<never, ProviderError> {
    logProblem(this.#shop.log, problem);
    return fail(toError(problem));
  }
}

/** What the buyer reads at PayPal. */
const titleOf = ({ siteName }: PayPalShop, { days }: SealedOrder): string => `${siteName}: ${daysText(days)}`;

function unfinished(problem: PayPalProblem): Finished {
  switch (problem) {
    case "declined":
      return { state: "failed", reason: "declined" };
    case "not-approved":
      return { state: "open" };
    case "unknown":
      // PayPal forgets an order that nobody has paid within some hours.
      return { state: "failed", reason: "expired" };
    default:
      return { state: "unavailable" };
  }
}
