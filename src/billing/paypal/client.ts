import { createHash } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../lib/clock.ts";
import { fail, ok, type Result } from "../../lib/result.ts";
import { decimalOf, type Money, parseMoney } from "../../policy/money.ts";
import type { Payee } from "./payee.ts";
import * as shapes from "./shapes.ts";

/** What may go wrong with PayPal; nothing else of its answers gets out of here. */
export type PayPalProblem =
  /** No answer, a timeout, 429 or 5xx: another try may do. */
  | "unavailable"
  /** The client id or secret is wrong, or the app may not do this (401, 403). */
  | "credentials"
  /** There is no such order, capture, subscription (404). */
  | "unknown"
  /** The buyer has not approved it (yet). */
  | "not-approved"
  /** The buyer's money was refused. */
  | "declined"
  /** It has been done before: captured, refunded in full, cancelled. */
  | "already"
  /** Any other refusal. */
  | "refused"
  /** An answer that is none of the documented ones. */
  | "malformed";

type Answer<Value> = Promise<Result<Value, PayPalProblem>>;

export interface PayPalCheckout {
  /** Where the buyer goes to pay. */
  approveUrl: string;
  id: string;
}

export interface CheckoutRequest {
  /** The sealed order, at most 127 characters (sealed-order.ts). */
  customId: string;
  /** Stands on the buyer's screen at PayPal. */
  siteName: string;
  returnUrl: string;
  cancelUrl: string;
}

const REQUEST_TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MOST = 1_000_000;
/** A token is fetched anew so long before its end. */
const TOKEN_SPARE_MS = 60_000;

/** Issues (`details[].issue`) by what they mean here ("Orders v2 errors", "Payments v2 errors", "Subscriptions errors"). */
const ISSUES: Readonly<Record<string, PayPalProblem>> = {
  ORDER_NOT_APPROVED: "not-approved",
  PAYER_ACTION_REQUIRED: "not-approved",
  INSTRUMENT_DECLINED: "declined",
  PAYER_CANNOT_PAY: "declined",
  PAYER_ACCOUNT_LOCKED_OR_CLOSED: "declined",
  PAYER_ACCOUNT_RESTRICTED: "declined",
  TRANSACTION_REFUSED: "declined",
  TRANSACTION_LIMIT_EXCEEDED: "declined",
  MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED: "declined",
  COMPLIANCE_VIOLATION: "declined",
  // Of the shop's: there may be enough tomorrow.
  REFUND_FAILED_INSUFFICIENT_FUNDS: "unavailable",
  REFUND_FUNDS_NOT_AVAILABLE: "unavailable",
  ORDER_ALREADY_CAPTURED: "already",
  CAPTURE_FULLY_REFUNDED: "already",
  TRANSACTION_ALREADY_REFUNDED: "already",
  SUBSCRIPTION_STATUS_INVALID: "already",
};

/**
 * The few calls of PayPal's REST API that selling needs: Orders v2, Payments v2, Subscriptions v1, Disputes v1. Each may be
 * repeated: what changes something carries a PayPal-Request-Id that follows from what it is about, so that PayPal does it once.
 */
export class PayPalClient {
  readonly #base: string;
  readonly #authorization: string;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;
  #token: { text: string; untilMs: number } | undefined;
  #fetching: Answer<string> | undefined;

  /** `base`: `https://api-m.paypal.com`, the sandbox's, or a simulator's. */
  constructor(options: {
    base: string;
    clientId: string;
    secret: string;
    clock: Clock;
    fetch?: typeof fetch | undefined;
  }) {
    this.#base = options.base.replace(/\/+$/, "");
    this.#authorization = Buffer.from(`${options.clientId}:${options.secret}`).toString("base64");
    this.#fetch = options.fetch ?? fetch;
    this.#clock = options.clock;
  }

  /** A payment to approve (Orders v2, "Create order"). The same `customId` gives the same order for some hours. */
  async createOrder(
    request: CheckoutRequest & { price: Money; title: string },
  ): Answer<PayPalCheckout & { payee: Payee | undefined }> {
    const amount = { currency_code: request.price.currency, value: decimalOf(request.price) };
    const made = await this.#call("POST", "/v2/checkout/orders", shapes.order, {
      requestId: request.customId,
      body: {
        intent: "CAPTURE",
        purchase_units: [{ custom_id: request.customId, description: request.title.slice(0, 127), amount }],
        payment_source: {
          paypal: {
            experience_context: {
              brand_name: request.siteName.slice(0, 127),
              // Nothing is shipped: PayPal then asks for no address, and tells us none.
              shipping_preference: "NO_SHIPPING",
              user_action: "PAY_NOW",
              return_url: request.returnUrl,
              cancel_url: request.cancelUrl,
            },
          },
        },
      },
    });
    const checkout = this.#checkoutOf(made);
    if (!made.ok || !checkout.ok) return checkout as Result<never, PayPalProblem>;
    return ok({ ...checkout.value, payee: made.value.purchase_units?.[0]?.payee });
  }

  order(id: string): Answer<shapes.Order> {
    return this.#call("GET", `/v2/checkout/orders/${encodeURIComponent(id)}`, shapes.order);
  }

  /** Takes the money of an approved order (Orders v2, "Capture payment for order"). */
  capture(orderId: string): Answer<shapes.Order> {
    const path = `/v2/checkout/orders/${encodeURIComponent(orderId)}/capture`;
    return this.#call("POST", path, shapes.order, { requestId: `capture ${orderId}`, body: {} });
  }

  /** One capture; of a subscription's payment, too (Payments v2, "Show captured payment details"). */
  captured(captureId: string): Answer<shapes.Capture> {
    return this.#call("GET", `/v2/payments/captures/${encodeURIComponent(captureId)}`, shapes.capture);
  }

  /** One payment of a subscription (Payments v1, "Show sale details"): the resource that PAYMENT.SALE events are about. */
  sale(saleId: string): Answer<shapes.Sale> {
    return this.#call("GET", `/v1/payments/sale/${encodeURIComponent(saleId)}`, shapes.sale);
  }

  /**
   * Gives a payment back in full (Payments v2, "Refund captured payment"); a subscription's payment, a "sale" of the older
   * interface, by that one's own call where Payments v2 does not know it. "already": it was given back before.
   */
  async refund(captureId: string): Answer<shapes.Refund> {
    const id = encodeURIComponent(captureId);
    const options = { requestId: `refund ${captureId}`, body: {} };
    let given = await this.#call("POST", `/v2/payments/captures/${id}/refund`, shapes.refund, options);
    if (!given.ok && given.error === "unknown")
      given = await this.#call("POST", `/v1/payments/sale/${id}/refund`, shapes.refund, options);
    return given.ok && shapes.standOf(given.value) === "failed" ? fail("refused") : given;
  }

  /** How a refund stands, and what it is of ("Show refund details", Payments v2; of a sale: Payments v1). */
  async refundDetails(refundId: string): Answer<shapes.Refund> {
    const id = encodeURIComponent(refundId);
    const found = await this.#call("GET", `/v2/payments/refunds/${id}`, shapes.refund);
    if (found.ok || found.error !== "unknown") return found;
    return this.#call("GET", `/v1/payments/refund/${id}`, shapes.refund);
  }

  /** A product to bill for (Catalog products v1). `instead`: the plan that PayPal no longer has; else the same call gets the same product. */
  createProduct(siteName: string, instead = ""): Answer<{ id: string }> {
    return this.#call("POST", "/v1/catalogs/products", shapes.made, {
      requestId: `product ${siteName} ${instead}`,
      body: { name: siteName.slice(0, 127), type: "SERVICE", category: "SOFTWARE" },
    });
  }

  /** A plan that charges `price` every `days` days until somebody cancels (Subscriptions v1, "Create plan"). `days`: 1 to 365. */
  createPlan(plan: { productId: string; title: string; days: number; price: Money }): Answer<{ id: string }> {
    const fixed_price = { currency_code: plan.price.currency, value: decimalOf(plan.price) };
    return this.#call("POST", "/v1/billing/plans", shapes.made, {
      requestId: `plan ${plan.productId} ${plan.days} ${fixed_price.value} ${fixed_price.currency_code}`,
      body: {
        product_id: plan.productId,
        name: plan.title.slice(0, 127),
        status: "ACTIVE",
        billing_cycles: [
          {
            frequency: { interval_unit: "DAY", interval_count: plan.days },
            tenure_type: "REGULAR",
            sequence: 1,
            // Without an end.
            total_cycles: 0,
            pricing_scheme: { fixed_price },
          },
        ],
        payment_preferences: { auto_bill_outstanding: false, payment_failure_threshold: 2 },
      },
    });
  }

  /** A subscription to approve (Subscriptions v1, "Create subscription"). */
  async createSubscription(request: CheckoutRequest & { planId: string }): Answer<PayPalCheckout> {
    const made = await this.#call("POST", "/v1/billing/subscriptions", shapes.subscription, {
      requestId: request.customId,
      body: {
        plan_id: request.planId,
        custom_id: request.customId,
        application_context: {
          brand_name: request.siteName.slice(0, 127),
          shipping_preference: "NO_SHIPPING",
          user_action: "SUBSCRIBE_NOW",
          return_url: request.returnUrl,
          cancel_url: request.cancelUrl,
        },
      },
    });
    return this.#checkoutOf(made);
  }

  subscription(id: string): Answer<shapes.Subscription> {
    return this.#call("GET", `/v1/billing/subscriptions/${encodeURIComponent(id)}`, shapes.subscription);
  }

  /** The payments of a subscription since a time (UTC seconds), at most 31 days of them. */
  async subscriptionPayments(id: string, sinceS: number): Answer<shapes.SubscriptionPayment[]> {
    const time = (seconds: number) => new Date(seconds * 1000).toISOString();
    // The end lies ahead by a day: PayPal's clock is not ours.
    const between = new URLSearchParams({
      start_time: time(sinceS),
      end_time: time(Math.min(sinceS + 31 * 86_400, Math.floor(this.#clock.now() / 1000) + 86_400)),
    });
    const path = `/v1/billing/subscriptions/${encodeURIComponent(id)}/transactions?${between}`;
    const list = await this.#call("GET", path, shapes.subscriptionPayments);
    return list.ok ? ok(list.value.transactions) : list;
  }

  /** "already" where it does not run any more. `reason`: for the buyer, at most 127 characters. */
  cancelSubscription(id: string, reason = "The account is closed."): Answer<void> {
    const path = `/v1/billing/subscriptions/${encodeURIComponent(id)}/cancel`;
    return this.#call("POST", path, shapes.nothing, { requestId: `cancel ${id}`, body: { reason } });
  }

  /** The app's webhook as PayPal has it (Webhooks v1, "Show webhook details"). */
  webhook(id: string): Answer<shapes.WebhookSettings> {
    return this.#call("GET", `/v1/notifications/webhooks/${encodeURIComponent(id)}`, shapes.webhookSettings);
  }

  dispute(id: string): Answer<shapes.Dispute> {
    return this.#call("GET", `/v1/customer/disputes/${encodeURIComponent(id)}`, shapes.dispute);
  }

  #checkoutOf(
    made: Result<{ id: string; links?: { rel: string; href: string }[] | undefined }, PayPalProblem>,
  ): Result<PayPalCheckout, PayPalProblem> {
    if (!made.ok) return made;
    const link = made.value.links?.find(({ rel }) => rel === "payer-action" || rel === "approve")?.href;
    // A browser is sent there: from a service behind TLS never to one without.
    const wanted = this.#base.startsWith("https:") ? /^https:\/\// : /^https?:\/\//;
    return link !== undefined && wanted.test(link) && URL.canParse(link)
      ? ok({ id: made.value.id, approveUrl: link })
      : fail("malformed");
  }

  async #call<Value>(
    method: "GET" | "POST",
    path: string,
    shape: z.ZodType<Value>,
    { requestId, body }: { requestId?: string; body?: object } = {},
  ): Answer<Value> {
    for (let attempt = 1; ; attempt += 1) {
      const token = await this.#accessToken();
      if (!token.ok) return token;
      const headers = new Headers({ authorization: `Bearer ${token.value}`, accept: "application/json" });
      if (body !== undefined) headers.set("content-type", "application/json");
      // What is told of the request is a digest: the id in it is of no use to whoever keeps such headers.
      if (requestId !== undefined) headers.set("paypal-request-id", digest(requestId));
      headers.set("prefer", "return=representation");
      const answer = await this.#send(path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!answer.ok) return answer;
      const { status, text } = answer.value;
      if (status === 401 && attempt === 1) {
        this.#token = undefined;
        continue;
      }
      if (status < 200 || status > 299) return fail(problemOf(status, text));
      const parsed = shape.safeParse(jsonOf(text));
      return parsed.success ? ok(parsed.data) : fail("malformed");
    }
  }

  /** "Get an access token": client id and secret once in nine hours, one request at a time. */
  async #accessToken(): Answer<string> {
    if (this.#token !== undefined && this.#token.untilMs > this.#clock.monotonic())
      return ok(this.#token.text);
    this.#fetching ??= this.#newToken().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #newToken(): Answer<string> {
    const answer = await this.#send("/v1/oauth2/token", {
      method: "POST",
      headers: {
        authorization: `Basic ${this.#authorization}`,
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
      },
      body: "grant_type=client_credentials",
    });
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    if (status < 200 || status > 299)
      return fail(status < 500 && status !== 429 ? "credentials" : "unavailable");
    const parsed = shapes.token.safeParse(jsonOf(text));
    if (!parsed.success) return fail("malformed");
    const { access_token, expires_in } = parsed.data;
    const lastsMs = Math.max(0, expires_in * 1000 - TOKEN_SPARE_MS);
    this.#token = { text: access_token, untilMs: this.#clock.monotonic() + lastsMs };
    return ok(access_token);
  }

  async #send(path: string, init: RequestInit): Answer<{ status: number; text: string }> {
    try {
      const response = await this.#fetch(`${this.#base}${path}`, {
        ...init,
        // The secret goes to the address that the operator wrote, and nowhere else.
        redirect: "error",
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const text = await response.text();
      if (text.length > ANSWER_BYTES_MOST) return fail("malformed");
      return ok({ status: response.status, text });
    } catch {
      return fail("unavailable");
    }
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 36);

function jsonOf(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(status: number, text: string): PayPalProblem {
  if (status === 401 || status === 403) {
    const issue = issueOf(text);
    return (issue !== undefined && ISSUES[issue]) || "credentials";
  }
  if (status === 404) return "unknown";
  if (status === 408 || status === 429 || status >= 500) return "unavailable";
  const issue = issueOf(text);
  return (issue !== undefined && ISSUES[issue]) || "refused";
}

/** `details[0].issue` (v2) or `name` (v1, "TRANSACTION_ALREADY_REFUNDED"). */
function issueOf(text: string): string | undefined {
  const parsed = shapes.problem.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { name, details } = parsed.data;
  const issue = details?.[0]?.issue ?? name;
  return issue !== undefined && Object.hasOwn(ISSUES, issue) ? issue : undefined;
}

/** PayPal's amounts: `{currency_code, value}` in v2, `{currency, total}` in v1. Undefined where it is no amount we could charge. */
export function moneyOf(amount: shapes.Amount | undefined): Money | undefined {
  const currency = amount?.currency_code ?? amount?.currency;
  const value = amount?.value ?? amount?.total;
  return currency === undefined || value === undefined ? undefined : parseMoney(value, currency);
}
