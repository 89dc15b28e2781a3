import { z } from "zod";

/** What is read of PayPal's answers and events: the few fields that something is decided by. All the rest is dropped here. */

const id = z.string().regex(/^[A-Za-z0-9-]{1,64}$/);
const time = z.iso.datetime({ offset: true }).optional();
const links = z.array(z.object({ rel: z.string(), href: z.string() })).optional();

/** UTC seconds. */
export function secondsOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

export const token = z.object({
  access_token: z.string().min(1).max(8192),
  /** Seconds; 32,400 as a rule. */
  expires_in: z.number().positive(),
});

/** `{name, details: [{issue}]}` ("API responses", error messages). */
export const problem = z.object({
  name: z.string().optional(),
  details: z.array(z.object({ issue: z.string().optional() })).optional(),
});

export const nothing = z.unknown().transform(() => undefined);

export const made = z.object({ id });

export const amount = z.object({
  currency_code: z.string().optional(),
  value: z.string().optional(),
  currency: z.string().optional(),
  total: z.string().optional(),
});
export type Amount = z.infer<typeof amount>;

/** Whoever gets the money. */
const payee = z
  .object({
    merchant_id: z
      .string()
      .regex(/^[A-Za-z0-9]{1,64}$/)
      .optional(),
  })
  .optional();

export const capture = z.object({
  id,
  /** COMPLETED, DECLINED, PARTIALLY_REFUNDED, PENDING, REFUNDED, FAILED. */
  status: z.string(),
  amount,
  custom_id: z.string().optional(),
  create_time: time,
  payee,
});
export type Capture = z.infer<typeof capture>;

export const order = z.object({
  id,
  /** CREATED, SAVED, APPROVED, VOIDED, COMPLETED, PAYER_ACTION_REQUIRED. */
  status: z.string(),
  links,
  payer: z.object({ payer_id: z.string().optional() }).optional(),
  payment_source: z.object({ paypal: z.object({ account_id: z.string().optional() }).optional() }).optional(),
  purchase_units: z
    .array(
      z.object({
        custom_id: z.string().optional(),
        payee,
        payments: z.object({ captures: z.array(capture).optional() }).optional(),
      }),
    )
    .optional(),
});
export type Order = z.infer<typeof order>;

/** A refund's id and how far it is: COMPLETED, PENDING, FAILED, CANCELLED (v2, "refund_status"); `state` in v1, small. */
export const refund = z.object({
  id,
  status: z.string().optional(),
  state: z.string().optional(),
  /** The capture stands behind "up" (v2). */
  links,
});
export type Refund = z.infer<typeof refund>;

/** `pending`: it comes from the shop's bank account, say, and may take a week or fail ("refund_status_details": ECHECK). */
export function standOf({ status, state }: Pick<Refund, "status" | "state">): "made" | "pending" | "failed" {
  const word = (status ?? state ?? "").toUpperCase();
  if (word === "FAILED" || word === "CANCELLED") return "failed";
  return word === "PENDING" ? "pending" : "made";
}

export const subscription = z.object({
  id,
  /** APPROVAL_PENDING, APPROVED, ACTIVE, SUSPENDED, CANCELLED, EXPIRED. */
  status: z.string(),
  custom_id: z.string().optional(),
  create_time: time,
  start_time: time,
  links,
  subscriber: z.object({ payer_id: z.string().optional() }).optional(),
});
export type Subscription = z.infer<typeof subscription>;

const subscriptionPayment = z.object({
  id,
  /** COMPLETED, DECLINED, PARTIALLY_REFUNDED, PENDING, REFUNDED. */
  status: z.string().optional(),
  time,
  amount_with_breakdown: z.object({ gross_amount: amount }),
});
export type SubscriptionPayment = z.infer<typeof subscriptionPayment>;
export const subscriptionPayments = z.object({
  transactions: z
    .array(subscriptionPayment)
    .nullish()
    .transform((list) => list ?? []),
});

export const dispute = z.object({
  dispute_id: id,
  /** OPEN, WAITING_FOR_…, UNDER_REVIEW, RESOLVED, OTHER. */
  status: z.string().optional(),
  dispute_outcome: z.object({ outcome_code: z.string().optional() }).optional(),
  disputed_transactions: z.array(z.object({ seller_transaction_id: z.string().optional() })).optional(),
});
export type Dispute = z.infer<typeof dispute>;

export const webhookSettings = z.object({
  url: z.string(),
  /** `*`: all. */
  event_types: z.array(z.object({ name: z.string() })),
});
export type WebhookSettings = z.infer<typeof webhookSettings>;

/** `resource` of PAYMENT.SALE.…: a payment of a subscription, in the older interface's words. */
export const sale = z.object({
  id,
  state: z.string().optional(),
  amount,
  billing_agreement_id: id.optional(),
  custom: z.string().optional(),
  create_time: time,
});
export type Sale = z.infer<typeof sale>;

/** `resource` of PAYMENT.….REFUNDED and .REVERSED: the payment it is about stands in `sale_id`, or behind the link "up". */
export const takenBack = z.object({
  id,
  sale_id: id.optional(),
  capture_id: id.optional(),
  /** Of the refund itself. */
  status: z.string().optional(),
  state: z.string().optional(),
  links,
  amount: amount.optional(),
});

/** A webhook's body: an event about one resource. */
export const event = z.object({
  id: z.string(),
  /** When PayPal had it to tell; told again, it is the same. */
  create_time: time,
  event_type: z.string().regex(/^[A-Z0-9._-]{1,100}$/),
  resource: z.unknown(),
});
export type PayPalEvent = z.infer<typeof event>;
