import type { Events } from "./paypal-events.ts";
import { type Amount, newId, type Plan, type Refund, type State } from "./paypal-state.ts";
import * as views from "./paypal-views.ts";

/** The PayPal account that the app belongs to. */
const MERCHANT_ID = "5KDVV2MNLNYJE";

export interface ApiAnswer {
  status: number;
  body: unknown;
}

/** What the simulated PayPal is told to do wrong. */
export interface Misbehaviour {
  /** `details[0].issue` of the answer to a capture, such as INSTRUMENT_DECLINED. */
  capture?: string | undefined;
  /** What a capture takes instead of what was ordered. */
  takes?: Amount | undefined;
  /** The capture stays PENDING. */
  pending?: boolean;
  /** The answer to a refund: 422 with this issue. */
  refund?: string | undefined;
  /** Every call is answered with this status. */
  down?: number | undefined;
  /** The money is taken and the answer gets lost. */
  losesAnswers?: boolean;
  /** A refund comes from the shop's bank account: it is PENDING until `finishRefund`. */
  pendingRefund?: boolean;
  /** The refund's answer takes so long, milliseconds. */
  slowRefundMs?: number;
}

const made = (body: unknown): ApiAnswer => ({ status: 201, body });
const found = (body: unknown): ApiAnswer => ({ status: 200, body });
const missing: ApiAnswer = {
  status: 404,
  body: { name: "RESOURCE_NOT_FOUND", details: [{ issue: "INVALID_RESOURCE_ID" }] },
};
const unprocessable = (issue: string): ApiAnswer => ({
  status: 422,
  body: {
    name: "UNPROCESSABLE_ENTITY",
    details: [{ issue }],
    message: "The requested action could not be performed.",
  },
});
const invalid = (issue: string): ApiAnswer => ({
  status: 400,
  body: { name: "INVALID_REQUEST", details: [{ issue }] },
});

// biome-ignore lint/suspicious/noExplicitAny: a request's body, whose shape is looked at where it is used
type Body = any;

/** The calls of PayPal's REST API that a shop uses: Orders v2, Payments v2, Subscriptions v1, Catalog products v1, Disputes v1. */
export class Api {
  readonly #state: State;
  readonly #events: Events;
  readonly #wrong: Misbehaviour;
  readonly #now: () => number;

  constructor(state: State, events: Events, wrong: Misbehaviour, now: () => number) {
    this.#state = state;
    this.#events = events;
    this.#wrong = wrong;
    this.#now = now;
  }

  /** `path`: with its query. */
  call(method: string, path: string, body: Body, at: string): ApiAnswer {
    const routes: [string, RegExp, (id: string) => ApiAnswer][] = [
      ["POST", /^\/v2\/checkout\/orders$/, () => this.#createOrder(body, at)],
      ["GET", /^\/v2\/checkout\/orders\/(\w+)$/, (id) => this.#order(id, at)],
      ["POST", /^\/v2\/checkout\/orders\/(\w+)\/capture$/, (id) => this.#capture(id, at)],
      ["GET", /^\/v2\/payments\/captures\/(\w+)$/, (id) => this.#captured(id, at)],
      ["POST", /^\/v2\/payments\/captures\/(\w+)\/refund$/, (id) => this.#refundCapture(id, body, at)],
      ["GET", /^\/v2\/payments\/refunds\/(\w+)$/, (id) => this.#refund(id, at)],
      ["GET", /^\/v1\/payments\/refund\/(\w+)$/, (id) => this.#saleRefund(id, at)],
      ["GET", /^\/v1\/payments\/sale\/(\w+)$/, (id) => this.#sale(id, at)],
      ["POST", /^\/v1\/payments\/sale\/(\w+)\/refund$/, (id) => this.#refundSale(id, at)],
      ["POST", /^\/v1\/catalogs\/products$/, () => this.#createProduct(body)],
      ["POST", /^\/v1\/billing\/plans$/, () => this.#createPlan(body)],
      ["POST", /^\/v1\/billing\/subscriptions$/, () => this.#createSubscription(body, at)],
      ["GET", /^\/v1\/billing\/subscriptions\/([\w-]+)$/, (id) => this.#subscription(id, at)],
      ["POST", /^\/v1\/billing\/subscriptions\/([\w-]+)\/cancel$/, (id) => this.cancelSubscription(id, at)],
      [
        "GET",
        /^\/v1\/billing\/subscriptions\/([\w-]+)\/transactions\?start_time=.+&end_time=.+$/,
        (id) => this.#transactions(id),
      ],
      ["GET", /^\/v1\/notifications\/webhooks\/(\w+)$/, (id) => this.#webhook(id)],
      ["GET", /^\/v1\/customer\/disputes\/([\w-]+)$/, (id) => this.#dispute(id)],
    ];
    for (const [verb, pattern, answer] of routes) {
      const match = pattern.exec(path);
      if (match !== null && verb === method) return answer(match[1] ?? "");
    }
    return missing;
  }

  /** "Create order": docs/api/orders/v2/#orders_create. */
  #createOrder(body: Body, at: string): ApiAnswer {
    const [unit] = body?.purchase_units ?? [];
    const context = body?.payment_source?.paypal?.experience_context;
    if (body?.intent !== "CAPTURE" || !isAmount(unit?.amount)) return invalid("MISSING_REQUIRED_PARAMETER");
    if ((unit.custom_id ?? "").length > 127) return invalid("INVALID_STRING_LENGTH");
    if (!URL.canParse(context?.return_url ?? "") || !URL.canParse(context?.cancel_url ?? ""))
      return invalid("INVALID_PARAMETER_VALUE");
    const order = {
      id: newId(),
      status: "PAYER_ACTION_REQUIRED" as const,
      amount: unit.amount,
      custom_id: unit.custom_id,
      description: unit.description ?? "",
      brand: context.brand_name ?? "",
      returnUrl: context.return_url,
      cancelUrl: context.cancel_url,
      create_time: this.#time(),
      payer: undefined,
      // Of a browser's own choice where that made the order, with the app's public id alone.
      payee: { merchant_id: unit.payee?.merchant_id ?? MERCHANT_ID },
      captures: [],
    };
    this.#state.orders.set(order.id, order);
    // With a payment_source PayPal answers 200 and PAYER_ACTION_REQUIRED.
    return found(views.orderView(at, order));
  }

  #order(id: string, at: string): ApiAnswer {
    const order = this.#state.orders.get(id);
    return order === undefined ? missing : found(views.orderView(at, order));
  }

  /** "Capture payment for order": docs/api/orders/v2/#orders_capture. */
  #capture(id: string, at: string): ApiAnswer {
    const order = this.#state.orders.get(id);
    if (order === undefined) return missing;
    if (order.status === "COMPLETED") return unprocessable("ORDER_ALREADY_CAPTURED");
    if (order.status !== "APPROVED") return unprocessable("ORDER_NOT_APPROVED");
    if (this.#wrong.capture !== undefined) return unprocessable(this.#wrong.capture);
    order.status = "COMPLETED";
    const capture = {
      id: newId(),
      orderId: id,
      status: this.#wrong.pending ? ("PENDING" as const) : ("COMPLETED" as const),
      amount: this.#wrong.takes ?? order.amount,
      custom_id: order.custom_id,
      create_time: this.#time(),
    };
    order.captures.push(capture);
    // "A payment capture completes", or "The state of a payment capture changes to pending" (event names, Payments v2).
    const kind = this.#wrong.pending ? "PENDING" : "COMPLETED";
    this.#events.make(`PAYMENT.CAPTURE.${kind}`, "capture", views.captureView(at, capture));
    return made(views.orderView(at, order));
  }

  #captured(id: string, at: string): ApiAnswer {
    const capture = this.#state.capture(id);
    return capture === undefined ? missing : found(views.captureView(at, capture));
  }

  /** "Refund captured payment": docs/api/payments/v2/#captures_refund. */
  #refundCapture(id: string, body: Body, at: string): ApiAnswer {
    const capture = this.#state.capture(id);
    if (capture === undefined) return missing;
    if (this.#wrong.refund !== undefined) return unprocessable(this.#wrong.refund);
    if (capture.status === "REFUNDED") return unprocessable("CAPTURE_FULLY_REFUNDED");
    const amount: Amount = body?.amount ?? capture.amount;
    capture.status = amount.value === capture.amount.value ? "REFUNDED" : "PARTIALLY_REFUNDED";
    const refund = this.#newRefund(id, amount);
    this.#state.refunds.push(refund);
    // "A merchant refunds a payment capture" (event names, Payments v2).
    const view = views.refundView(at, refund, "");
    this.#events.make("PAYMENT.CAPTURE.REFUNDED", "refund", view);
    return made(view);
  }

  /** "Show refund details": docs/api/payments/v2/#refunds_get. */
  #refund(id: string, at: string): ApiAnswer {
    const refund = this.#state.refunds.find((each) => each.id === id);
    const ofCapture = refund !== undefined && this.#state.capture(refund.paymentId) !== undefined;
    return ofCapture ? found(views.refundView(at, refund, "")) : missing;
  }

  /** "Show refund details": docs/api/payments/v1/#refund_get. */
  #saleRefund(id: string, at: string): ApiAnswer {
    const refund = this.#state.refunds.find((each) => each.id === id);
    const ofSale = refund !== undefined && this.#state.sale(refund.paymentId) !== undefined;
    return ofSale ? found(views.saleRefundView(at, refund)) : missing;
  }

  #newRefund(paymentId: string, amount: Amount): Refund {
    const status = this.#wrong.pendingRefund ? ("PENDING" as const) : undefined;
    return { id: newId(), paymentId, amount, create_time: this.#time(), ...(status && { status }) };
  }

  #sale(id: string, at: string): ApiAnswer {
    const sale = this.#state.sale(id);
    const subscription = this.#state.subscriptions.get(sale?.subscriptionId ?? "");
    return sale === undefined ? missing : found(views.saleView(at, sale, subscription?.custom_id));
  }

  /** "Refund sale": docs/api/payments/v1/#sale_refund. */
  #refundSale(id: string, at: string): ApiAnswer {
    const sale = this.#state.sale(id);
    if (sale === undefined) return missing;
    if (this.#wrong.refund !== undefined) return unprocessable(this.#wrong.refund);
    if (sale.state === "refunded") return { status: 400, body: { name: "TRANSACTION_ALREADY_REFUNDED" } };
    sale.state = "refunded";
    const refund = this.#newRefund(id, sale.amount);
    this.#state.refunds.push(refund);
    // "A merchant refunds a sale" (event names, Payments v1).
    const view = views.saleRefundView(at, refund);
    this.#events.make("PAYMENT.SALE.REFUNDED", "refund", view);
    return made(view);
  }

  /** "Create product": docs/api/catalog-products/v1/#products_create. */
  #createProduct(body: Body): ApiAnswer {
    if (typeof body?.name !== "string" || body.name === "") return invalid("MISSING_REQUIRED_PARAMETER");
    const id = newId("PROD-");
    this.#state.products.add(id);
    return made({ id, name: body.name });
  }

  /** "Create plan": docs/api/subscriptions/v1/#plans_create. */
  #createPlan(body: Body): ApiAnswer {
    if (!this.#state.products.has(body?.product_id)) return missing;
    const [cycle] = body.billing_cycles ?? [];
    const { interval_unit, interval_count } = cycle?.frequency ?? {};
    const price = cycle?.pricing_scheme?.fixed_price;
    // "interval_count": at most 365 days.
    if (interval_unit !== "DAY" || !(interval_count >= 1 && interval_count <= 365) || !isAmount(price))
      return unprocessable("INVALID_PARAMETER_VALUE");
    const plan: Plan = { id: newId("P-", 24), name: body.name, days: interval_count, price };
    this.#state.plans.set(plan.id, plan);
    return made({ id: plan.id, product_id: body.product_id, name: plan.name, status: "ACTIVE" });
  }

  /** "Create subscription": docs/api/subscriptions/v1/#subscriptions_create. */
  #createSubscription(body: Body, at: string): ApiAnswer {
    const plan = this.#state.plans.get(body?.plan_id);
    if (plan === undefined) return missing;
    if ((body.custom_id ?? "").length > 127) return invalid("INVALID_STRING_LENGTH");
    const context = body.application_context ?? {};
    const subscription = {
      id: newId("I-", 12),
      status: "APPROVAL_PENDING" as const,
      plan,
      custom_id: body.custom_id,
      brand: context.brand_name ?? "",
      returnUrl: context.return_url,
      cancelUrl: context.cancel_url,
      create_time: this.#time(),
      payer: undefined,
      sales: [],
    };
    this.#state.subscriptions.set(subscription.id, subscription);
    return made(views.subscriptionView(at, subscription));
  }

  #subscription(id: string, at: string): ApiAnswer {
    const subscription = this.#state.subscriptions.get(id);
    return subscription === undefined ? missing : found(views.subscriptionView(at, subscription));
  }

  /** "Cancel subscription": docs/api/subscriptions/v1/#subscriptions_cancel. */
  cancelSubscription(id: string, at: string): ApiAnswer {
    const subscription = this.#state.subscriptions.get(id);
    if (subscription === undefined) return missing;
    if (subscription.status !== "ACTIVE" && subscription.status !== "SUSPENDED")
      return unprocessable("SUBSCRIPTION_STATUS_INVALID");
    subscription.status = "CANCELLED";
    // "A subscription is cancelled" (event names, Subscriptions).
    this.#events.make(
      "BILLING.SUBSCRIPTION.CANCELLED",
      "subscription",
      views.subscriptionView(at, subscription),
    );
    return { status: 204, body: undefined };
  }

  /** "List transactions for subscription": docs/api/subscriptions/v1/#subscriptions_transactions. */
  #transactions(id: string): ApiAnswer {
    const subscription = this.#state.subscriptions.get(id);
    if (subscription === undefined) return missing;
    const transactions = subscription.sales.map((sale) => ({
      id: sale.id,
      status: sale.state.toUpperCase(),
      time: sale.create_time,
      amount_with_breakdown: { gross_amount: sale.amount },
      payer_email: subscription.payer?.email_address,
    }));
    return found({ transactions });
  }

  /** "Show dispute details": docs/api/customer-disputes/v1/#disputes_get. */
  #dispute(id: string): ApiAnswer {
    const dispute = this.#state.disputes.get(id);
    return dispute === undefined ? missing : found(dispute);
  }

  /** "Show webhook details": docs/api/webhooks/v1/#webhooks_get. */
  #webhook(id: string): ApiAnswer {
    const { webhookId, subscribed, url } = this.#events;
    if (id !== webhookId) return missing;
    return found({ id, url: url ?? "", event_types: subscribed.map((name) => ({ name })) });
  }

  #time(): string {
    return new Date(this.#now()).toISOString().replace(/\.\d+Z$/, "Z");
  }
}

const isAmount = (amount: Body): amount is Amount =>
  /^[A-Z]{3}$/.test(amount?.currency_code ?? "") && /^\d+(\.\d{2})?$/.test(amount?.value ?? "");
