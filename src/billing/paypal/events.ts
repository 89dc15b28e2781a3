import type { Result } from "../../lib/result.ts";
import { isStillToCount, type TakenBackNews } from "../payments-back.ts";
import type { Finished, Webhook, WebhookAnswer, WebhookRequest } from "../providers.ts";
import type { WebhookCertificates } from "./certificates.ts";
import type { PayPalProblem } from "./client.ts";
import { PayPalOneOff, type PayPalShop } from "./providers.ts";
import { logProblem, PayPalSettlement } from "./settlement.ts";
import * as shapes from "./shapes.ts";
import { readWebhook } from "./webhook.ts";

/** Outcomes of a dispute ("Disputes v1", dispute_outcome.outcome_code) after which the buyer has the money back, and those after which we have it. */
const BUYERS = new Set(["RESOLVED_BUYER_FAVOUR", "ACCEPTED"]);
const OURS = new Set(["RESOLVED_SELLER_FAVOUR", "CANCELED_BY_BUYER", "DENIED", "RESOLVED_WITH_PAYOUT"]);

/** The events that do something here; an operator subscribes the webhook to these. */
export const PAYPAL_EVENTS = [
  "CHECKOUT.ORDER.APPROVED",
  "PAYMENT.CAPTURE.COMPLETED",
  "PAYMENT.CAPTURE.REFUNDED",
  "PAYMENT.CAPTURE.REVERSED",
  "PAYMENT.SALE.COMPLETED",
  "PAYMENT.SALE.REFUNDED",
  "PAYMENT.SALE.REVERSED",
  "BILLING.SUBSCRIPTION.ACTIVATED",
  "BILLING.SUBSCRIPTION.CANCELLED",
  "BILLING.SUBSCRIPTION.EXPIRED",
  "BILLING.SUBSCRIPTION.SUSPENDED",
  "CUSTOMER.DISPUTE.RESOLVED",
] as const;

/**
 * A refund that was PENDING, from a bank account of the shop's, has failed. Heard where it comes (a webhook for all events) and not
 * asked for: other shops know it, and PayPal's list of event names (Payments v2) does not have it.
 */
const REFUND_FAILED = "PAYMENT.REFUND.FAILED";

/**
 * PayPal's webhook. An event says only what to look at: it may come twice, late, in any order or from somebody's notes; what is then
 * done follows from how PayPal says it stands now.
 */
export function paypalWebhook(options: {
  shop: PayPalShop;
  webhookId: string;
  certificates: Pick<WebhookCertificates, "keyAt">;
}): Webhook {
  const { shop } = options;
  const handle = handlerOf(shop);
  return async (request: WebhookRequest): Promise<WebhookAnswer> => {
    const read = await readWebhook(request, { ...options, clock: shop.clock });
    if (!read.ok) {
      shop.log("webhook-refused", { part: "paypal", reason: read.error });
      return read.error === "unavailable" ? "later" : "refused";
    }
    return handle(read.value);
  };
}

function handlerOf(shop: PayPalShop): (event: shapes.PayPalEvent) => Promise<WebhookAnswer> {
  const { client, payments, seal } = shop;
  const settlement = new PayPalSettlement(shop);
  const oneOff = new PayPalOneOff(shop);

  /** PayPal delivers again what we could not ask about; what it does not know is none of our payments. */
  const answerTo = (problem: PayPalProblem): WebhookAnswer => {
    if (problem === "unknown") return "done";
    logProblem(shop.log, problem);
    return "later";
  };

  const takeBack = async (
    paymentId: string,
    why: "refund" | "chargeback",
    news: TakenBackNews = {},
  ): Promise<WebhookAnswer> => {
    const known = await payments.find("paypal", paymentId);
    // A refund that was claimed and stopped half-way: the subscription goes, too.
    if (known?.state === "refunding" && known.subscription !== undefined) {
      const cancelled = await client.cancelSubscription(known.subscription);
      // One that PayPal does not know runs no more, either.
      if (!cancelled.ok && cancelled.error !== "already" && cancelled.error !== "unknown")
        return answerTo(cancelled.error);
    }
    await payments.back.takeBack("paypal", paymentId, why, news);
    return "done";
  };

  /** A subscription of ours as it is now; "done" where it is another shop's at the same PayPal account. */
  const subscriptionOf = async (id: string): Promise<shapes.Subscription | WebhookAnswer> => {
    const found = await client.subscription(id);
    if (!found.ok) return answerTo(found.error);
    return seal.open(found.value.custom_id) === undefined ? "done" : found.value;
  };

  const captureCompleted = async (resource: unknown): Promise<WebhookAnswer> => {
    const named = shapes.capture.safeParse(resource);
    if (!named.success) return "refused";
    return settleCapture(await client.captured(named.data.id), resource);
  };

  const settleCapture = async (
    captured: Result<shapes.Capture, PayPalProblem>,
    resource: unknown,
  ): Promise<WebhookAnswer> => {
    if (!captured.ok) return answerTo(captured.error);
    if (seal.open(captured.value.custom_id) === undefined) return "done";
    // Who paid, and where a capture does not say it whom, stands on the order.
    const order = idBehind(resource, /\/v2\/checkout\/orders\/([A-Z0-9]{1,36})$/);
    const found = order === undefined ? undefined : await client.order(order);
    const payer = found?.ok === true ? found.value.payer?.payer_id : undefined;
    const payee =
      captured.value.payee ?? (found?.ok === true ? found.value.purchase_units?.[0]?.payee : undefined);
    return answerOf(await settlement.ofCapture({ ...captured.value, payee }, payer));
  };

  const saleCompleted = async (resource: unknown): Promise<WebhookAnswer> => {
    const named = shapes.sale.safeParse(resource);
    if (!named.success) return "refused";
    // Without one it is no payment of a subscription, and none that we asked for.
    if (named.data.billing_agreement_id === undefined) return "done";
    return settleSale(await client.sale(named.data.id), named.data.billing_agreement_id);
  };

  const settleSale = async (
    sale: Result<shapes.Sale, PayPalProblem>,
    agreement?: string,
  ): Promise<WebhookAnswer> => {
    if (!sale.ok) return answerTo(sale.error);
    const id = sale.value.billing_agreement_id ?? agreement;
    if (id === undefined) return "done";
    const subscription = await subscriptionOf(id);
    if (typeof subscription === "string") return subscription;
    return answerOf(await settlement.ofSale(sale.value, subscription));
  };

  /** In full only: what an operator gives back in part at PayPal ends nothing. */
  const refunded = async (resource: unknown, kind: "capture" | "sale"): Promise<WebhookAnswer> => {
    const paymentId = paymentOf(resource);
    // An event that does not say of which payment it is: delivered again it would not say so either.
    if (paymentId === undefined) return "done";
    const found: Result<{ status: string }, PayPalProblem> =
      kind === "capture" ? await client.captured(paymentId) : statusOf(await client.sale(paymentId));
    if (!found.ok) return answerTo(found.error);
    if (found.value.status.toUpperCase() !== "REFUNDED") return "done";
    const refund = shapes.takenBack.safeParse(resource).data;
    if (refund === undefined || shapes.standOf(refund) === "made") return takeBack(paymentId, "refund");
    // On its way: one that we asked for, and heard no answer, is looked at until it has arrived.
    const state = (await payments.find("paypal", paymentId))?.state;
    if (state === "refunded") return "done";
    return takeBack(paymentId, "refund", state === "refunding" ? { pendingAs: refund.id } : {});
  };

  /** PENDING counts as given until it is known (refunds.ts looks at it): where PayPal does not make it somebody has to do it by hand. */
  const refundFailed = async (resource: unknown): Promise<WebhookAnswer> => {
    const named = shapes.takenBack.safeParse(resource);
    if (!named.success) return "refused";
    const refund = await client.refundDetails(named.data.id);
    if (!refund.ok) return answerTo(refund.error);
    const paymentId = paymentOf(refund.value);
    if (paymentId === undefined || shapes.standOf(refund.value) !== "failed") return "done";
    const captured = await client.captured(paymentId);
    if (!captured.ok) return answerTo(captured.error);
    // Another refund of it was made.
    if (captured.value.status === "REFUNDED") return "done";
    const ours = seal.open(captured.value.custom_id) !== undefined;
    if (await payments.back.refundBounced("paypal", paymentId, { ours }))
      shop.log("refund-stopped", { part: "paypal", reason: "refused" });
    return "done";
  };

  const reversed = async (
    resource: unknown,
    kind: "capture" | "sale",
    reportedS: number | undefined,
  ): Promise<WebhookAnswer> => {
    const paymentId = paymentOf(resource);
    // An event that does not say of which payment it is: delivered again it would not say so either.
    if (paymentId === undefined) return "done";
    // PayPal has no state of its own for it: which reversal it is tells old news from a second one.
    const news = shapes.takenBack.safeParse(resource).data?.id;
    if (await isOurs(paymentId, kind)) return takeBack(paymentId, "chargeback", { news, reportedS });
    return "done";
  };

  /** Known here, or not reported yet and PayPal has it from us. */
  const isOurs = async (paymentId: string, kind: "capture" | "sale"): Promise<boolean> => {
    if ((await payments.find("paypal", paymentId)) !== undefined) return true;
    if (kind === "capture") {
      const captured = await client.captured(paymentId);
      return captured.ok && seal.open(captured.value.custom_id) !== undefined;
    }
    const sale = await client.sale(paymentId);
    if (!sale.ok || sale.value.billing_agreement_id === undefined) return false;
    return typeof (await subscriptionOf(sale.value.billing_agreement_id)) !== "string";
  };

  /** A payment by its number alone, as PayPal has it now. */
  const settle = async (paymentId: string): Promise<WebhookAnswer> => {
    const captured = await client.captured(paymentId);
    return captured.ok || captured.error !== "unknown"
      ? settleCapture(captured, captured.ok ? captured.value : undefined)
      : settleSale(await client.sale(paymentId));
  };

  const disputeResolved = async (resource: unknown, decidedS: number | undefined): Promise<WebhookAnswer> => {
    const named = shapes.dispute.safeParse(resource);
    if (!named.success) return "refused";
    const found = await client.dispute(named.data.dispute_id);
    if (!found.ok && found.error === "unavailable") return "later";
    // An app without the right to look at disputes still hears how they end.
    const dispute = found.ok ? found.value : named.data;
    const { dispute_id: id } = named.data;
    const outcome = dispute.dispute_outcome?.outcome_code ?? "";
    let answer: WebhookAnswer = "done";
    for (const { seller_transaction_id: paymentId } of dispute.disputed_transactions ?? []) {
      if (paymentId === undefined || (await payments.find("paypal", paymentId)) === undefined) continue;
      if (BUYERS.has(outcome)) {
        await payments.back.disputeLost("paypal", paymentId, id);
        await takeBack(paymentId, "chargeback");
      } else if (OURS.has(outcome)) {
        await payments.back.giveAgain("paypal", paymentId, { dispute: id, decidedS });
        const known = await payments.find("paypal", paymentId);
        if (known !== undefined && isStillToCount(known) && (await settle(paymentId)) === "later")
          answer = "later";
      }
    }
    return answer;
  };

  return async ({ event_type, resource, create_time }) => {
    const toldS = shapes.secondsOf(create_time);
    switch (event_type as (typeof PAYPAL_EVENTS)[number] | typeof REFUND_FAILED) {
      case "CHECKOUT.ORDER.APPROVED": {
        // The buyer approved and did not come back: the money is taken as if they had.
        const order = shapes.order.safeParse(resource);
        if (!order.success) return "refused";
        if (seal.open(order.data.purchase_units?.[0]?.custom_id) === undefined) return "done";
        return answerOf(await oneOff.finish(order.data.id));
      }
      case "PAYMENT.CAPTURE.COMPLETED":
        return captureCompleted(resource);
      case "PAYMENT.SALE.COMPLETED":
        return saleCompleted(resource);
      case "PAYMENT.CAPTURE.REFUNDED":
        return refunded(resource, "capture");
      case "PAYMENT.SALE.REFUNDED":
        return refunded(resource, "sale");
      case "PAYMENT.CAPTURE.REVERSED":
        return reversed(resource, "capture", toldS);
      case REFUND_FAILED:
        return refundFailed(resource);
      case "PAYMENT.SALE.REVERSED":
        return reversed(resource, "sale", toldS);
      case "CUSTOMER.DISPUTE.RESOLVED":
        return disputeResolved(resource, toldS);
      case "BILLING.SUBSCRIPTION.ACTIVATED":
      case "BILLING.SUBSCRIPTION.CANCELLED":
      case "BILLING.SUBSCRIPTION.EXPIRED":
      case "BILLING.SUBSCRIPTION.SUSPENDED": {
        const named = shapes.subscription.safeParse(resource);
        if (!named.success) return "refused";
        const subscription = await subscriptionOf(named.data.id);
        if (typeof subscription === "string") return subscription;
        return (await settlement.followSubscription(subscription)) === "unanswered" ? "later" : "done";
      }
      default:
        return "done";
    }
  };
}

function answerOf(finished: Finished | undefined): WebhookAnswer {
  if (finished?.state === "unavailable") return "later";
  if (finished?.state === "refused" && !finished.refunded) return "later";
  return "done";
}

const statusOf = (sale: Result<shapes.Sale, PayPalProblem>): Result<{ status: string }, PayPalProblem> =>
  sale.ok ? { ok: true, value: { status: sale.value.state ?? "" } } : sale;

/** The payment that a refund or reversal is of: named, or behind the link "up". */
function paymentOf(resource: unknown): string | undefined {
  const read = shapes.takenBack.safeParse(resource);
  if (!read.success) return undefined;
  return (
    read.data.sale_id ?? read.data.capture_id ?? idBehind(resource, /\/(?:captures|sale)\/([A-Z0-9]{1,36})$/)
  );
}

function idBehind(resource: unknown, pattern: RegExp): string | undefined {
  const read = shapes.takenBack.safeParse(resource);
  const up = read.success ? read.data.links?.filter(({ rel }) => rel === "up" || rel === "sale") : undefined;
  return up?.map(({ href }) => pattern.exec(href)?.[1]).find((found) => found !== undefined);
}
