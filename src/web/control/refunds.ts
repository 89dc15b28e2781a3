import type { Context, Hono } from "hono";
import { z } from "zod";
import type { PayPalCheck } from "../../billing/paypal/check.ts";
import type { Receipt, ReceiptError } from "../../billing/receipts.ts";
import type { Refunded, Refunds } from "../../billing/refunds.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { METHODS } from "../../policy/methods.ts";
import { priceText } from "../../policy/money.ts";
import { type RefundRule, refundSentence } from "../../policy/refund.ts";

const receiptRequest = z.strictObject({ receipt: z.string().max(10_000) });

/** What a receipt says, as commands and the admin pages show it. */
export interface ReceiptView {
  /** UTC, YYYY-mm-dd HH:MM. */
  paidOn: string;
  plan: string;
  days: number;
  paid: string;
  method: string;
  first: boolean;
  coupon: boolean;
  voucher: boolean;
}

export interface RefundView {
  receipt: ReceiptView;
  granted: boolean;
  /** The rule by which it is refused, and its sentence. */
  rule?: RefundRule;
  sentence?: string;
}

/** A refund that was granted and that PayPal has not made yet. */
export interface RefundDueRow {
  /** PayPal's number of the payment. */
  number: string;
  /** UTC, YYYY-mm-dd. */
  since: string;
  /** PayPal makes it, and has not finished: it is looked at, and not asked for again. */
  pending: boolean;
  /** How often PayPal was asked (or looked at) since, by itself. */
  attempts: number;
  /** UTC, YYYY-mm-dd HH:MM; null: it is asked no more, and the refund is to be made there by hand. */
  next: string | null;
}

const RECEIPT_ERRORS: Record<ReceiptError, string> = {
  "receipt-malformed":
    "There is no receipt in that text: it begins with LR1. and ends with a dot. Give all of it.",
  "receipt-other-site": "That receipt was signed by another service.",
  "receipt-altered": "That receipt was altered: its signature does not fit what it says.",
};

const TROUBLE: Record<"unavailable" | "provider-refused" | "payment-unknown" | "stopped", string> = {
  unavailable: `The refund is granted, and PayPal does not answer, or is no longer set up here. It is asked again by itself for ${LIFETIMES.refundTried.days} days; \`lethe refund list\` shows how it stands.`,
  "provider-refused":
    "The rules grant the refund, and PayPal did not make it (see its own pages for why). Nothing was changed here; what you give back there by hand is noticed.",
  stopped:
    "The refund is granted, PayPal does not make it, and it is asked no more by itself: give it back at PayPal by hand. `lethe refund list` shows its number; what you give back there is noticed.",
  "payment-unknown":
    "The receipt is genuine, and nothing is known of its payment: the database was set back to before it. Give it back at PayPal by hand.",
};

const minuteOf = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

const viewOf = (receipt: Receipt): ReceiptView => ({
  paidOn: minuteOf(receipt.atS),
  plan: receipt.plan,
  days: receipt.days,
  paid: priceText(receipt.paid),
  method: METHODS[receipt.method].title,
  first: receipt.first,
  coupon: receipt.coupon,
  voucher: receipt.voucher,
});

/** Refunds for the operator: the same rules and the same once as on the site; nobody's opinion has a part in it. */
export function addRefundControl(
  app: Hono,
  refunds: Refunds,
  paypal?: { check(): Promise<PayPalCheck> } | undefined,
): void {
  app.get("/paypal", async (c) => c.json({ check: (await paypal?.check()) ?? null }));

  const refuse = (c: Context, error: string) => c.json({ error }, 400);
  const trouble = (c: Context, claim: Exclude<Refunded, { outcome: "given" | "refused" }>) =>
    refuse(c, claim.outcome === "no-receipt" ? RECEIPT_ERRORS[claim.error] : TROUBLE[claim.outcome]);

  app.get("/refunds", async (c) => {
    const due = await refunds.due();
    const rows = due.map(
      ({ paymentId, sinceS, attempts, nextS, pendingAs }): RefundDueRow => ({
        number: paymentId,
        since: minuteOf(sinceS).slice(0, 10),
        pending: pendingAs !== undefined && nextS !== undefined,
        attempts,
        next: nextS === undefined ? null : minuteOf(nextS),
      }),
    );
    return c.json({ refunds: rows });
  });

  app.post("/refunds/look", async (c) => {
    const claim = await refunds.look(receiptRequest.parse(await c.req.json()).receipt);
    if (claim.outcome !== "decided") return trouble(c, claim);
    const receipt = viewOf(claim.receipt);
    const view: RefundView = claim.decision.granted
      ? { receipt, granted: true }
      : {
          receipt,
          granted: false,
          rule: claim.decision.rule,
          sentence: refundSentence(claim.decision.rule),
        };
    return c.json(view);
  });
  app.post("/refunds", async (c) => {
    const claim = await refunds.claim(receiptRequest.parse(await c.req.json()).receipt);
    if (claim.outcome === "refused")
      return refuse(c, `${refundSentence(claim.rule)} (rule ${claim.rule}) Nothing was given back.`);
    if (claim.outcome !== "given") return trouble(c, claim);
    return c.json({ receipt: viewOf(claim.receipt), granted: true } satisfies RefundView);
  });
}
