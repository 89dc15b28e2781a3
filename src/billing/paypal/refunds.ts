import type { Log } from "../../lib/event-log.ts";
import type { RefundProvider } from "../refunds.ts";
import type { PayPalClient } from "./client.ts";
import { logProblem } from "./settlement.ts";
import { standOf } from "./shapes.ts";

/** Refunds through PayPal. Its own memory of what was given back, and the request ids of client.ts, make each happen once. */
export const paypalRefunds = (client: PayPalClient, log: Log): RefundProvider => ({
  async refund(paymentId) {
    const given = await client.refund(paymentId);
    if (given.ok && standOf(given.value) === "pending") return { pendingAs: given.value.id };
    if (given.ok || given.error === "already") return "given";
    logProblem(log, given.error);
    // "Unknown" or refused for a reason of PayPal's: asked again it would say the same.
    return given.error === "refused" || given.error === "unknown" ? "refused" : "unavailable";
  },
  async look(refundId) {
    const refund = await client.refundDetails(refundId);
    if (refund.ok) return standOf(refund.value);
    logProblem(log, refund.error);
    return "unavailable";
  },
  async cancel(subscription) {
    const cancelled = await client.cancelSubscription(subscription);
    if (cancelled.ok || cancelled.error === "already" || cancelled.error === "unknown") return true;
    logProblem(log, cancelled.error);
    return false;
  },
});
