import { randomBytes } from "node:crypto";

/** What the simulated PayPal remembers. Names and shapes are those of its REST reference (developer.paypal.com/api/rest). */

export interface Amount {
  currency_code: string;
  value: string;
}

export interface Payer {
  payer_id: string;
  email_address: string;
  name: { given_name: string; surname: string };
}

export interface Capture {
  id: string;
  orderId: string;
  status: "COMPLETED" | "DECLINED" | "PENDING" | "REFUNDED" | "PARTIALLY_REFUNDED";
  amount: Amount;
  custom_id: string | undefined;
  create_time: string;
}

export interface Order {
  id: string;
  status: "PAYER_ACTION_REQUIRED" | "APPROVED" | "COMPLETED" | "VOIDED";
  amount: Amount;
  custom_id: string | undefined;
  description: string;
  brand: string;
  returnUrl: string;
  cancelUrl: string;
  create_time: string;
  payer: Payer | undefined;
  /** Who gets the money. */
  payee: { merchant_id: string };
  captures: Capture[];
}

export interface Plan {
  id: string;
  name: string;
  days: number;
  price: Amount;
}

export interface Sale {
  id: string;
  subscriptionId: string;
  state: "completed" | "pending" | "refunded" | "partially_refunded";
  amount: Amount;
  create_time: string;
}

export interface Subscription {
  id: string;
  status: "APPROVAL_PENDING" | "ACTIVE" | "SUSPENDED" | "CANCELLED" | "EXPIRED";
  plan: Plan;
  custom_id: string | undefined;
  brand: string;
  returnUrl: string;
  cancelUrl: string;
  create_time: string;
  payer: Payer | undefined;
  sales: Sale[];
}

export interface Refund {
  id: string;
  paymentId: string;
  amount: Amount;
  create_time: string;
  /** COMPLETED where it is not said. */
  status?: "PENDING" | "FAILED" | "CANCELLED";
}

export interface Dispute {
  dispute_id: string;
  status: string;
  dispute_outcome?: { outcome_code: string };
  disputed_transactions: { seller_transaction_id: string }[];
}

/** One event as it goes over the wire; redelivered it is the same bytes. */
export interface SentEvent {
  id: string;
  type: string;
  body: string;
}

/** 17 capitals and digits, as PayPal's transactions have. */
export const newId = (prefix = "", length = 17): string => {
  const letters = "0123456789ABCDEFGHJKLMNPRSTUVWXY";
  return prefix + Array.from(randomBytes(length), (byte) => letters[byte & 31]).join("");
};

export class State {
  readonly orders = new Map<string, Order>();
  readonly products = new Set<string>();
  readonly plans = new Map<string, Plan>();
  readonly subscriptions = new Map<string, Subscription>();
  readonly refunds: Refund[] = [];
  readonly disputes = new Map<string, Dispute>();
  /** Answers to requests with a PayPal-Request-Id, by path and id: asked again, the same is answered and nothing done. */
  readonly answered = new Map<string, { status: number; body: unknown }>();

  capture(id: string): Capture | undefined {
    return [...this.orders.values()].flatMap(({ captures }) => captures).find((capture) => capture.id === id);
  }

  sale(id: string): Sale | undefined {
    return [...this.subscriptions.values()].flatMap(({ sales }) => sales).find((sale) => sale.id === id);
  }
}
