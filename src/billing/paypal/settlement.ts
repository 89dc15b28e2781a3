import type { Accounts, SubscriptionNoted } from "../../accounts/accounts.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log, Reason } from "../../lib/event-log.ts";
import { fail } from "../../lib/result.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import type { Credit, Payments } from "../payments.ts";
import { isStillToCount } from "../payments-back.ts";
import type { Finished } from "../providers.ts";
import type { OrderSeal } from "../sealed-order.ts";
import { moneyOf, type PayPalClient, type PayPalProblem } from "./client.ts";
import type { Payees } from "./payee.ts";
import { type Capture, type Order, type Sale, type Subscription, secondsOf, standOf } from "./shapes.ts";

/** What PayPal's side needs of the rest of billing. */
export interface PayPalParts {
  client: PayPalClient;
  payments: Payments;
  accounts: Accounts;
  seal: OrderSeal;
  payees: Payees;
  clock: Clock;
  log: Log;
}

/** What PayPal tells the buyer of a subscription that we end. */
const CANCELLED_FOR = {
  gone: "The account is closed.",
  another: "Another subscription pays for this account already. What this one has charged goes back.",
};

/**
 * From what PayPal has taken to what it pays for: every payment that PayPal confirms is counted once, or given back at once where
 * it cannot be. What is settled here comes out of PayPal's own answers, never out of a browser or an event.
 */
export class PayPalSettlement {
  readonly #parts: PayPalParts;

  constructor(parts: PayPalParts) {
    this.#parts = parts;
  }

  /** An order that PayPal calls COMPLETED. Undefined where it is none of ours. */
  async ofOrder(order: Order): Promise<Finished | undefined> {
    const [unit] = order.purchase_units ?? [];
    const captures = unit?.payments?.captures ?? [];
    // A declined try may stand before the one that went through.
    const capture = captures.find(({ status }) => status === "COMPLETED") ?? captures.at(-1);
    const payer = order.payer?.payer_id ?? order.payment_source?.paypal?.account_id;
    if (capture === undefined) return { state: "open" };
    const { custom_id = unit?.custom_id, payee = unit?.payee } = capture;
    return this.ofCapture({ ...capture, custom_id, payee }, payer);
  }

  /** A capture as PayPal has it now. Undefined where it is none of ours. */
  async ofCapture(capture: Capture, payer?: string): Promise<Finished | undefined> {
    const order = this.#parts.seal.open(capture.custom_id);
    if (order === undefined || !(await this.#parts.payees.isOurs(capture.payee))) return undefined;
    if (capture.status === "DECLINED" || capture.status === "FAILED")
      return { state: "failed", reason: "declined" };
    if (capture.status === "PENDING") return { state: "waiting" };
    return this.#settle(
      {
        provider: "paypal",
        method: "paypal",
        paymentId: capture.id,
        order,
        // An amount that is no amount of ours is none that was asked for.
        paid: moneyOf(capture.amount) ?? { minor: 0, currency: "" },
        atS: secondsOf(capture.create_time) ?? this.#nowS(),
        payer,
      },
      capture.status === "COMPLETED",
    );
  }

  /** One payment of a subscription. Undefined where it is none of ours. */
  async ofSale(
    sale: Pick<Sale, "id" | "state" | "amount" | "create_time">,
    subscription: Subscription,
  ): Promise<Finished | undefined> {
    const order = this.#parts.seal.open(subscription.custom_id);
    if (order === undefined) return undefined;
    // A coupon is for one payment. We begin no such subscription (providers.ts), but whoever has a sealed order and the app's public
    // id can, in their own browser.
    const begunHere = order.coupon === undefined && order.accountId !== undefined;
    const state = sale.state?.toLowerCase() ?? "completed";
    if (state === "pending") return { state: "waiting" };
    if (state === "denied" || state === "declined") return { state: "failed", reason: "declined" };
    // Before it counts: of two that begin at one time one has the account, and the other's payment goes back.
    const noted = await this.#note(subscription);
    const settled = await this.#settle(
      {
        provider: "paypal",
        method: "paypal-subscription",
        paymentId: sale.id,
        order,
        paid: (begunHere ? moneyOf(sale.amount) : undefined) ?? { minor: 0, currency: "" },
        atS: secondsOf(sale.create_time) ?? this.#nowS(),
        subscription: subscription.id,
        payer: subscription.subscriber?.payer_id,
      },
      state === "completed",
      noted === "another-runs",
    );
    // What could not count has been cancelled with its payment.
    if (settled.state === "refused") await this.#note({ ...subscription, status: "CANCELLED" });
    else if ((await this.followSubscription(subscription)) === "unanswered") return { state: "unavailable" };
    return settled;
  }

  /**
   * Whether a subscription runs stands on the account. One that runs is cancelled where the account is gone, or where another one
   * pays for it already, so that it charges nobody again. `unanswered`: PayPal has to be asked once more for that.
   */
  async followSubscription(subscription: Subscription): Promise<SubscriptionNoted | "unanswered"> {
    const noted = await this.#note(subscription);
    if (noted === "noted" || !isActive(subscription)) return noted;
    const reason = noted === "another-runs" ? CANCELLED_FOR.another : CANCELLED_FOR.gone;
    const cancelled = await this.#parts.client.cancelSubscription(subscription.id, reason);
    return cancelled.ok || cancelled.error === "already" || cancelled.error === "unknown"
      ? noted
      : "unanswered";
  }

  async #note(subscription: Subscription): Promise<SubscriptionNoted> {
    const { accounts, seal } = this.#parts;
    const order = seal.open(subscription.custom_id);
    if (order?.accountId === undefined) return "noted";
    return accounts.noteSubscription(order.accountId, subscription.id, isActive(subscription));
  }

  /**
   * `here`: PayPal has the money now. Where it has been given back, it counts only if it counted before. `second`: it is a
   * subscription's, and another one pays for the account.
   */
  async #settle(credit: Credit, here: boolean, second = false): Promise<Finished> {
    const { payments } = this.#parts;
    const { provider, paymentId } = credit;
    if (!here) {
      const known = await payments.find(provider, paymentId);
      if (known === undefined) return { state: "failed", reason: "cancelled" };
      return second && known.accountId === undefined
        ? { state: "refused", reason: "subscription-runs", refunded: true }
        : { state: "paid", provider, paymentId };
    }
    // It may have counted, and what said so is gone: somebody has PayPal send an old event again, say. It counts for nothing, and
    // is not given back either.
    if (this.#nowS() - credit.atS > (LIFETIMES.paymentEvent.days - 1) * 86_400)
      return { state: "failed", reason: "expired" };
    const known = second ? await payments.find(provider, paymentId) : undefined;
    const outcome =
      second && (known === undefined || isStillToCount(known))
        ? fail("subscription-runs")
        : await payments.credit(credit);
    if (outcome.ok) return { state: "paid", provider, paymentId };
    this.#parts.log("payment-uncredited", { part: "paypal", reason: outcome.error });
    return {
      state: "refused",
      reason: outcome.error,
      refunded: await this.#giveBack(credit, second),
      paymentId,
    };
  }

  /**
   * A payment that cannot count goes back; the subscription that it belongs to is cancelled. Where PayPal does not answer, both go
   * on by themselves (refunds.ts).
   */
  async #giveBack({ provider, paymentId, subscription }: Credit, second: boolean): Promise<boolean> {
    const { client, payments, log } = this.#parts;
    const given = await client.refund(paymentId);
    const refunded = given.ok || given.error === "already";
    if (!refunded) logProblem(log, given.error);
    const reason = second ? CANCELLED_FOR.another : CANCELLED_FOR.gone;
    const cancelled =
      subscription === undefined ? undefined : await client.cancelSubscription(subscription, reason);
    const ended = cancelled === undefined || cancelled.ok || cancelled.error === "already";
    // From here on it counts for nothing, whatever is reported, and if the account comes back. What has to be asked for once more
    // hears then that it is on its way.
    const pendingAs = ended && given.ok && standOf(given.value) === "pending" ? given.value.id : undefined;
    if (refunded) await payments.back.takeBack(provider, paymentId, "refund", { pendingAs });
    const again = refunded ? !ended : given.error !== "refused" && given.error !== "unknown";
    if (again) await payments.back.oweBack({ provider, paymentId, subscription });
    return refunded && ended;
  }

  #nowS(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
}

/** Says that PayPal could not, or would not, do something. */
export function logProblem(log: Log, problem: PayPalProblem): void {
  const reasons: Partial<Record<PayPalProblem, Reason>> = {
    unavailable: "unavailable",
    credentials: "login",
    malformed: "malformed",
  };
  log("provider-failed", { part: "paypal", reason: reasons[problem] ?? "refused" });
}

const isActive = ({ status }: Subscription): boolean => status === "ACTIVE";
