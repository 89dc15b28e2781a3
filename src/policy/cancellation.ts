import { LIFETIMES } from "./lifetimes.ts";
import type { Rule } from "./rule.ts";

/** How it ends: by itself, or at PayPal. */
export const CANCELLATION: readonly Rule[] = [
  {
    id: "expires-by-itself",
    page: "cancellation",
    sentence: () =>
      "What was paid once ends by itself with the paid time: there is nothing to cancel, and nothing is charged again.",
  },
  {
    id: "subscription-paypal-only",
    page: "cancellation",
    sentence: ({ methods }) =>
      methods.includes("paypal-subscription")
        ? "A subscription exists with PayPal alone; no other way to pay is ever charged again."
        : "No subscription is sold at the moment; one that still runs is with PayPal alone, and no other way to pay is ever charged again.",
  },
  {
    id: "cancelled-at-paypal",
    page: "cancellation",
    sentence: () =>
      "A PayPal subscription is cancelled at PayPal, by the member, at any time and without a notice period.",
  },
  {
    id: "runs-to-its-end",
    page: "cancellation",
    sentence: () =>
      "After that the account runs to its paid end; cancelling changes nothing but the next renewal.",
  },
  {
    id: "no-partial-refund",
    page: "cancellation",
    sentence: () =>
      "Cancelling gives nothing back by itself; what can be given back stands on the page Refunds.",
  },
  {
    id: "delete-after-paypal",
    page: "cancellation",
    sentence: () =>
      "Deleting an account leads through PayPal first where a subscription runs, so that nobody pays for an account that is gone.",
  },
  {
    id: "one-subscription",
    page: "cancellation",
    sentence: () =>
      "One subscription pays for an account at a time: a second one that begins while it runs is cancelled by us, and what it charged is given back.",
  },
  {
    id: "charge-for-gone",
    page: "cancellation",
    sentence: () =>
      "A charge for an account that is gone is given back, and its subscription is cancelled by us.",
  },
  {
    id: "leave-any-time",
    page: "cancellation",
    sentence: () =>
      `An account can be exported and deleted by its member at any time, also when its paid time is over, until it is deleted by itself ${LIFETIMES.unpaidAccount.days} days after that.`,
  },
];
