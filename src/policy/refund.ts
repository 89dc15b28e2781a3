import { LIFETIMES, lifetimeText } from "./lifetimes.ts";
import { METHODS, type NeverRefunded, type PaymentMethod } from "./methods.ts";
import type { Rule } from "./rule.ts";

/** A purchase can be given back for so long. */
export const REFUND_DAYS = 7;
const REFUND_S = REFUND_DAYS * 86_400;

/** What a claim is decided by. Times are UTC seconds; all but `nowS` and `alreadyRefunded` stand in the signed receipt. */
export interface RefundClaim {
  method: PaymentMethod;
  /** Whether a coupon made the purchase cheaper. */
  coupon?: boolean | undefined;
  boughtAt: number;
  /** Whether the account had never had paid time before. A voucher that was bought and not redeemed is a first purchase. */
  first: boolean;
  /** Of a purchase that was a voucher: whether somebody has redeemed it. */
  redeemedVoucher: boolean;
  alreadyRefunded: boolean;
  nowS: number;
}

/** The rule by which a claim is refused. */
export type RefundRule =
  | "refunded-once"
  | "never-gift-card"
  | "never-coupon"
  | "never-cash"
  | "never-cryptocurrency"
  | "never-redeemed-voucher"
  | "first-purchase-only"
  | "within-seven-days";

export type RefundDecision = { granted: true } | { granted: false; rule: RefundRule };

const NEVER: Record<NeverRefunded, RefundRule> = {
  "gift-card": "never-gift-card",
  coupon: "never-coupon",
  cash: "never-cash",
  cryptocurrency: "never-cryptocurrency",
};

/**
 * Whether a purchase is given back, and by which rule not. Nobody's opinion has a part in it: neither that of support, nor that of
 * the operator. Of several rules against it the one is named that no waiting and no other account would change.
 */
export function decideRefund(claim: RefundClaim): RefundDecision {
  const refuse = (rule: RefundRule): RefundDecision => ({ granted: false, rule });
  const never = METHODS[claim.method].neverRefunded ?? (claim.coupon === true ? "coupon" : undefined);
  if (never !== undefined) return refuse(NEVER[never]);
  if (claim.alreadyRefunded) return refuse("refunded-once");
  if (claim.redeemedVoucher) return refuse("never-redeemed-voucher");
  if (!claim.first) return refuse("first-purchase-only");
  if (claim.nowS - claim.boughtAt > REFUND_S) return refuse("within-seven-days");
  return { granted: true };
}

const SENTENCES: Readonly<Record<RefundRule, string>> = {
  "within-seven-days": `A purchase can be given back within ${REFUND_DAYS} days (${REFUND_DAYS * 24} hours) from the purchase.`,
  "first-purchase-only":
    "Only the first purchase for an account can be given back: an account that had paid time before gets no refund.",
  "never-gift-card": "What was paid with a gift card is never given back.",
  "never-coupon": "What was bought with a coupon is never given back.",
  "never-cash": "What was paid in cash is never given back.",
  "never-cryptocurrency": "What was paid in a cryptocurrency (Bitcoin or Monero) is never given back.",
  "never-redeemed-voucher":
    "A voucher that somebody has redeemed is never given back; one that nobody has redeemed can be.",
  "refunded-once": "A payment is given back once.",
};

/** The sentence by which a claim is refused, the same as on the page. */
export const refundSentence = (rule: RefundRule): string => SENTENCES[rule];

/** By which a claim is decided, as the page "Refunds" shows them. */
export const REFUND_RULES: readonly Rule<RefundRule>[] = (Object.keys(SENTENCES) as RefundRule[]).map(
  (id) => ({
    id,
    page: "refunds",
    sentence: () => SENTENCES[id],
  }),
);

/** What else the page says of refunds; no claim is decided by these. */
export const REFUND_TERMS: readonly Rule[] = [
  {
    id: "refund-by-receipt",
    page: "refunds",
    sentence: () =>
      "A refund is claimed with the receipt of the purchase; we keep no list of purchases in which we could look for it.",
  },
  {
    id: "refund-support-first",
    page: "refunds",
    sentence: () =>
      "With technical difficulties we ask you to try support first; whether you do makes no difference to the refund.",
  },
  {
    id: "refund-by-paypal",
    page: "refunds",
    sentence: () => "A refund goes through PayPal to whoever paid, in full, and is started at once.",
  },
  {
    id: "refund-ends-account",
    page: "refunds",
    sentence: () =>
      "With the refund a subscription is cancelled, the time that it paid for ends, and a voucher that was bought becomes void.",
  },
  {
    id: "refund-after-deletion",
    page: "refunds",
    sentence: ({ payerHash }) =>
      payerHash
        ? `Whether a purchase is the first we know from the account, and from a keyed hash of the payer’s number at PayPal, which is kept for ${lifetimeText(LIFETIMES.payerHash.days)} and to the end of the month.`
        : "Whether a purchase is the first we know from the account alone: of an account that was deleted nothing is left, so that a new one’s first purchase is a first purchase.",
  },
];
