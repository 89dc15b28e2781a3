/** How one can pay. `gift-card`: a voucher for days that is redeemed; `coupon`: one for a percentage that pays all of an order. */
export type PaymentMethod =
  | "paypal"
  | "paypal-subscription"
  | "bitcoin"
  | "monero"
  | "gift-card"
  | "coupon"
  | "cash";

/** Why a method's payments are never given back; undefined: they may be. */
export type NeverRefunded = "gift-card" | "coupon" | "cash" | "cryptocurrency";

export interface MethodRules {
  /** What the buyer reads. */
  title: string;
  neverRefunded: NeverRefunded | undefined;
  /** Whether the provider charges again by itself. */
  recurring: boolean;
  /** Whether it takes an account; the others can also buy a voucher. */
  needsAccount: boolean;
  /** What is stored here because of it. */
  stored: string;
  /** What others learn by it. */
  elsewhere: string;
}

export const METHODS: Readonly<Record<PaymentMethod, MethodRules>> = {
  paypal: {
    title: "PayPal, once",
    neverRefunded: undefined,
    recurring: false,
    needsAccount: false,
    stored:
      "A keyed hash of the payment, so that it counts once, and what it was for, readable only with PayPal’s number of it.",
    elsewhere: "PayPal knows who paid us, and when; it gets no username.",
  },
  "paypal-subscription": {
    title: "PayPal subscription",
    neverRefunded: undefined,
    recurring: true,
    needsAccount: true,
    stored:
      "Of each payment what is stored of one that is made once, and PayPal’s number of the subscription with it; on the account, that a subscription runs, with a keyed hash of its number.",
    elsewhere: "PayPal knows who pays us, and until when; it gets no username.",
  },
  bitcoin: {
    title: "Bitcoin",
    neverRefunded: "cryptocurrency",
    recurring: false,
    needsAccount: false,
    stored:
      "A keyed hash of the invoice’s number, so that it counts once, and what it was for, readable only with that number.",
    elsewhere: "The payment stands in Bitcoin’s public chain for good, without your account.",
  },
  monero: {
    title: "Monero",
    neverRefunded: "cryptocurrency",
    recurring: false,
    needsAccount: false,
    stored:
      "A keyed hash of the invoice’s number, so that it counts once, and what it was for, readable only with that number.",
    elsewhere: "Nobody can read from Monero’s chain who paid whom.",
  },
  "gift-card": {
    title: "Gift card",
    neverRefunded: "gift-card",
    recurring: false,
    needsAccount: true,
    stored: "That the code was used, as a keyed hash; not by whom.",
    elsewhere: "Nobody learns anything.",
  },
  coupon: {
    title: "Coupon",
    neverRefunded: "coupon",
    recurring: false,
    needsAccount: false,
    stored: "How often the code may still be used; not by whom it was.",
    elsewhere: "Nobody learns anything.",
  },
  cash: {
    title: "Cash by mail",
    neverRefunded: "cash",
    recurring: false,
    needsAccount: false,
    stored:
      "A keyed hash of the code in the envelope, what was ordered, and, readable only with that code, for whom.",
    elsewhere: "The post office sees an envelope.",
  },
};

export const PAYMENT_METHODS = Object.keys(METHODS) as PaymentMethod[];
