import type { Amount, Capture, Order, Refund, Sale, Subscription } from "./paypal-state.ts";

/**
 * Resources as PayPal sends them: in answers and as an event's `resource`. `at`: the simulator's own address. Each names its
 * page of PayPal's reference, below developer.paypal.com/docs/api.
 */

/** "Show captured payment details": payments/v2/#captures_get. */
export const captureView = (at: string, capture: Capture) => ({
  id: capture.id,
  amount: capture.amount,
  final_capture: true,
  seller_protection: {
    status: "ELIGIBLE",
    dispute_categories: ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
  },
  status: capture.status,
  custom_id: capture.custom_id,
  supplementary_data: { related_ids: { order_id: capture.orderId } },
  create_time: capture.create_time,
  update_time: capture.create_time,
  links: [
    { href: `${at}/v2/payments/captures/${capture.id}`, rel: "self", method: "GET" },
    { href: `${at}/v2/payments/captures/${capture.id}/refund`, rel: "refund", method: "POST" },
    { href: `${at}/v2/checkout/orders/${capture.orderId}`, rel: "up", method: "GET" },
  ],
});

/** "Show order details": orders/v2/#orders_get; the link `payer-action` as in "Create order" with a payment_source. */
export const orderView = (at: string, order: Order) => ({
  id: order.id,
  intent: "CAPTURE",
  status: order.status,
  create_time: order.create_time,
  purchase_units: [
    {
      reference_id: "default",
      amount: order.amount,
      description: order.description,
      custom_id: order.custom_id,
      payee: order.payee,
      ...(order.captures.length > 0 && {
        payments: { captures: order.captures.map((capture) => captureView(at, capture)) },
      }),
    },
  ],
  ...(order.payer !== undefined && {
    payer: order.payer,
    payment_source: {
      paypal: { account_id: order.payer.payer_id, email_address: order.payer.email_address },
    },
  }),
  links: [
    { href: `${at}/v2/checkout/orders/${order.id}`, rel: "self", method: "GET" },
    ...(order.status === "PAYER_ACTION_REQUIRED"
      ? [{ href: `${at}/checkoutnow?token=${order.id}`, rel: "payer-action", method: "GET" }]
      : []),
  ],
});

/** "Show subscription details": subscriptions/v1/#subscriptions_get. */
export const subscriptionView = (at: string, subscription: Subscription) => ({
  id: subscription.id,
  status: subscription.status,
  plan_id: subscription.plan.id,
  custom_id: subscription.custom_id,
  quantity: "1",
  start_time: subscription.create_time,
  create_time: subscription.create_time,
  ...(subscription.payer !== undefined && { subscriber: subscription.payer }),
  links: [
    ...(subscription.status === "APPROVAL_PENDING"
      ? [
          {
            href: `${at}/webapps/billing/subscriptions?ba_token=BA-${subscription.id}`,
            rel: "approve",
            method: "GET",
          },
        ]
      : []),
    { href: `${at}/v1/billing/subscriptions/${subscription.id}`, rel: "self", method: "GET" },
  ],
});

/** "amount" of Payments v1: payments/v1/#definition-amount. */
const oldAmount = ({ currency_code, value }: Amount) => ({
  total: value,
  currency: currency_code,
  details: { subtotal: value },
});

/** "Show sale details": payments/v1/#sale_get; a subscription's payment has its id in `billing_agreement_id`. */
export const saleView = (at: string, sale: Sale, custom: string | undefined) => ({
  id: sale.id,
  state: sale.state,
  amount: oldAmount(sale.amount),
  payment_mode: "INSTANT_TRANSFER",
  billing_agreement_id: sale.subscriptionId,
  custom,
  create_time: sale.create_time,
  update_time: sale.create_time,
  links: [
    { href: `${at}/v1/payments/sale/${sale.id}`, rel: "self", method: "GET" },
    { href: `${at}/v1/payments/sale/${sale.id}/refund`, rel: "refund", method: "POST" },
  ],
});

/** "Show refund details": payments/v2/#refunds_get. Of a capture: what it gave back stands behind the link "up". */
export const refundView = (at: string, refund: Refund, note: string) => ({
  id: refund.id,
  amount: refund.amount,
  note_to_payer: note,
  seller_payable_breakdown: { gross_amount: refund.amount, total_refunded_amount: refund.amount },
  status: refund.status ?? "COMPLETED",
  // "refund_status_details": the reason of PENDING or FAILED.
  ...(refund.status !== undefined && { status_details: { reason: "ECHECK" } }),
  create_time: refund.create_time,
  update_time: refund.create_time,
  links: [
    { href: `${at}/v2/payments/refunds/${refund.id}`, rel: "self", method: "GET" },
    { href: `${at}/v2/payments/captures/${refund.paymentId}`, rel: "up", method: "GET" },
  ],
});

/** "Refund sale": payments/v1/#sale_refund. Of a subscription's payment, in the older interface's words. */
export const saleRefundView = (at: string, refund: Refund) => ({
  id: refund.id,
  sale_id: refund.paymentId,
  state: (refund.status ?? "COMPLETED").toLowerCase(),
  amount: oldAmount(refund.amount),
  create_time: refund.create_time,
  links: [{ href: `${at}/v1/payments/refund/${refund.id}`, rel: "self", method: "GET" }],
});
