import type { CheckoutError } from "../../../billing/checkout.ts";
import type { Finished } from "../../../billing/providers.ts";
import type { ReceiptError } from "../../../billing/receipts.ts";

/** What a buyer reads where an order could not be begun. Nothing has been paid then. */
export const ORDER_WORDING: Record<CheckoutError, string> = {
  "plan-unknown": "This plan is not sold any more. Choose another one.",
  "method-unknown": "This way to pay is not open at the moment. Choose another one.",
  "method-needs-account": "A subscription needs an account that it extends: log in, or sign up first.",
  "subscription-runs":
    "A PayPal subscription pays for your account already. Cancel it at PayPal before you begin another, or pay once.",
  "subscription-too-long": "This plan is too long for a subscription. Pay it once, or choose a shorter plan.",
  "subscription-no-coupon":
    "A coupon takes something off one order; a subscription costs the same each time. Pay once with the coupon, or leave the coupon out.",
  "account-terminated": "This account was ended by the operator and cannot be extended.",
  "provider-unavailable":
    "The payment provider does not answer at the moment. Nothing was ordered. Try again in a few minutes, or pay in another way.",
  "provider-refused":
    "The payment provider did not take this order. Nothing was paid. Pay in another way, or ask us.",
  "voucher-unknown":
    "There is no such coupon. Compare it with what you were given; capitals, dashes and spaces do not matter.",
  "voucher-used": "This coupon has been used up.",
  "not-a-coupon":
    "This code is a gift card: it gives days and takes nothing off a price. Redeem it in the member area, or sign up with it.",
  "coupon-other-plan": "This coupon is good for another plan.",
};

/** Whose field it is about. */
export const FIELD_OF: Partial<Record<CheckoutError, "plan" | "method" | "coupon">> = {
  "plan-unknown": "plan",
  "method-unknown": "method",
  "method-needs-account": "method",
  "subscription-runs": "method",
  "subscription-too-long": "method",
  "subscription-no-coupon": "coupon",
  "voucher-unknown": "coupon",
  "voucher-used": "coupon",
  "not-a-coupon": "coupon",
  "coupon-other-plan": "coupon",
};

export const FAILED_WORDING: Record<Extract<Finished, { state: "failed" }>["reason"], string> = {
  declined:
    "The payment was declined: the bank or PayPal did not let it through. Nothing was paid. Try another way to pay.",
  cancelled: "The order was cancelled. Nothing was paid.",
  expired:
    "The time for this payment is over. If you have paid all the same, write to us with the invoice’s number.",
  short:
    "Less came in than the order costs, so that nothing was counted. Write to us with the invoice’s number, and we settle it.",
};

export const REFUSED_WORDING: Record<Extract<Finished, { state: "refused" }>["reason"], string> = {
  "amount-differs": "What came in is not what the order costs, so that nothing was counted.",
  "account-gone": "The account that this was ordered for no longer exists.",
  "account-terminated": "The account that this was ordered for was ended by the operator.",
  "order-expired": "This order is too old to be counted.",
  "coupon-used": "The coupon had been used up before the order was paid.",
  "subscription-runs":
    "Another PayPal subscription pays for your account already, so that this one was cancelled at PayPal. The other one goes on.",
};

export const REFUND_WORDING: Record<
  "unavailable" | "provider-refused" | "payment-unknown" | "stopped",
  string
> = {
  unavailable:
    "The refund is granted, and PayPal does not answer at the moment. We ask it again by ourselves until it has given the money back; you need do nothing. What the purchase paid for ends then.",
  "provider-refused":
    "The rules grant this refund, and PayPal did not make it. Nothing was changed. Write to us, and we settle it by hand.",
  stopped:
    "The refund is granted, and PayPal does not make it. We give it back by hand, and have it on our list; it stays granted. Nothing changes by sending the receipt again.",
  "payment-unknown":
    "The receipt is genuine, and we know nothing of its payment: our database was set back to a time before it. Write to us, and we settle it by hand.",
};

export const RECEIPT_WORDING: Record<ReceiptError, string> = {
  "receipt-malformed":
    "There is no receipt in this text. It begins with LR1. and ends with a dot; paste all of it.",
  "receipt-other-site":
    "This receipt is not one of this site’s: it was signed by somebody else. Check it where you bought.",
  "receipt-altered": "This receipt was altered: its signature does not fit what it says. It proves nothing.",
};
