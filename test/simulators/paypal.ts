import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Api, type Misbehaviour } from "./paypal-api.ts";
import { type Authority, makeAuthority } from "./paypal-certificates.ts";
import { Events } from "./paypal-events.ts";
import { approvalPage, type BuyerAction, buyerPage } from "./paypal-pages.ts";
import { newId, type Payer, type Sale, type SentEvent, State } from "./paypal-state.ts";
import * as views from "./paypal-views.ts";

/**
 * A PayPal of our own on loopback: the REST API as its reference describes it (developer.paypal.com/api/rest), the pages where
 * buyers approve, and webhooks signed by an authority of its own. It knows nothing of Lethe.
 */
export interface PayPalSimulator {
  /** Base address of the API and of the pages. */
  url: string;
  clientId: string;
  secret: string;
  webhookId: string;
  authority: Authority;
  /** Where an event says that its certificate is, and what stands there: at this path of `url`. */
  certUrl: string;
  state: State;
  events: Events;
  /** Set fields to make it misbehave. */
  wrong: Misbehaviour;
  /** Each API call that came in: `POST /v2/checkout/orders`. */
  calls: string[];
  /** The buyer says yes at PayPal; where their browser is sent. Throws where there is nothing to approve. */
  approve(id: string, payer?: Payer): string;
  /** A subscription's next payment. */
  charge(subscriptionId: string): Sale;
  /** The buyer cancels at PayPal. */
  cancel(subscriptionId: string): void;
  /** The buyer's bank takes a payment back. */
  reverse(paymentId: string): SentEvent;
  /** The buyer begins a dispute about a payment. */
  openDispute(paymentId: string): SentEvent;
  /** A dispute about a payment ends so. */
  resolveDispute(paymentId: string, outcome: string, which?: "another"): SentEvent;
  /** The last refund of a payment, PENDING until now, fails in the end; other shops know the event. */
  failRefund(paymentId: string, how?: "FAILED" | "CANCELLED"): SentEvent;
  /** It arrives. */
  finishRefund(paymentId: string): void;
  /** Part of a payment is given back by hand. */
  refundPartly(captureId: string, value: string): void;
  /** Tokens given so far work no more. */
  forgetTokens(): void;
  close(): Promise<void>;
}

export const JOHN: Payer = {
  payer_id: "QYR5Z8XDVJNXQ",
  email_address: "john@example.com",
  name: { given_name: "John", surname: "Doe" },
};

const CERT_PATH = "/v1/notifications/certs/CERT-360caa42-fca2a594-5a5a5a5a";
const AUTHORITY_PATH = "/authority.crt";

export async function startPayPal(
  options: { port?: number; webhookUrl?: string; automatic?: boolean; now?: () => number } = {},
): Promise<PayPalSimulator> {
  const now = options.now ?? Date.now;
  const state = new State();
  const authority = makeAuthority();
  const clientId = newId("A", 40);
  const secret = newId("E", 40);
  const webhookId = newId();
  const certUrl = `https://api.paypal.com${CERT_PATH}`;
  const leaf = authority.issue({ issuerAt: `http://authority.example${AUTHORITY_PATH}` });
  const events = new Events({ webhookId, certUrl, leaf, now });
  events.url = options.webhookUrl;
  events.automatic = options.automatic ?? true;
  const wrong: Misbehaviour = {};
  const api = new Api(state, events, wrong, now);
  const calls: string[] = [];
  const tokens = new Set<string>();
  let url = "";

  const lastRefund = (id: string) => {
    const refund = state.refunds.findLast(({ paymentId }) => paymentId === id);
    if (refund === undefined) throw new Error(`no such refund: ${id}`);
    return refund;
  };
  const time = () => new Date(now()).toISOString().replace(/\.\d+Z$/, "Z");

  const simulator: PayPalSimulator = {
    get url() {
      return url;
    },
    clientId,
    secret,
    webhookId,
    authority,
    certUrl,
    state,
    events,
    wrong,
    calls,
    approve(id, payer = JOHN) {
      const order = state.orders.get(id);
      if (order !== undefined) {
        if (order.status !== "PAYER_ACTION_REQUIRED") throw new Error(`order ${id} is ${order.status}`);
        Object.assign(order, { status: "APPROVED", payer });
        // "A buyer approved a checkout order" (event names, Orders).
        events.make("CHECKOUT.ORDER.APPROVED", "checkout-order", views.orderView(url, order));
        return withQuery(order.returnUrl, { token: id, PayerID: payer.payer_id });
      }
      const subscription = state.subscriptions.get(id);
      if (subscription?.status !== "APPROVAL_PENDING") throw new Error(`nothing to approve: ${id}`);
      Object.assign(subscription, { status: "ACTIVE", payer });
      // "A subscription is activated" (event names, Subscriptions).
      events.make(
        "BILLING.SUBSCRIPTION.ACTIVATED",
        "subscription",
        views.subscriptionView(url, subscription),
      );
      simulator.charge(id);
      return withQuery(subscription.returnUrl, {
        subscription_id: id,
        ba_token: `BA-${id}`,
        token: `BA-${id}`,
      });
    },
    charge(id) {
      const subscription = state.subscriptions.get(id);
      if (subscription?.status !== "ACTIVE") throw new Error(`no subscription that runs: ${id}`);
      const amount = wrong.takes ?? subscription.plan.price;
      const sale: Sale = {
        id: newId(),
        subscriptionId: id,
        state: "completed",
        amount,
        create_time: time(),
      };
      subscription.sales.push(sale);
      // "A sale completes", or a payment is made on a subscription (event names, Payments v1 and Subscriptions).
      events.make("PAYMENT.SALE.COMPLETED", "sale", views.saleView(url, sale, subscription.custom_id));
      return sale;
    },
    cancel(id) {
      const { status } = api.cancelSubscription(id, url);
      if (status !== 204) throw new Error(`cancel ${id}: ${status}`);
    },
    reverse(paymentId) {
      const payment = state.capture(paymentId) ?? state.sale(paymentId);
      if (payment === undefined) throw new Error(`no such payment: ${paymentId}`);
      const refund = { id: newId(), paymentId, amount: payment.amount, create_time: time() };
      // "PayPal reverses a payment capture" (event names, Payments v2), and "PayPal reverses a sale" (Payments v1).
      return "orderId" in payment
        ? events.make("PAYMENT.CAPTURE.REVERSED", "refund", views.refundView(url, refund, "Payment reversed"))
        : events.make("PAYMENT.SALE.REVERSED", "sale", views.saleRefundView(url, refund));
    },
    openDispute(paymentId) {
      const dispute = {
        dispute_id: newId("PP-D-", 8),
        status: "OPEN",
        disputed_transactions: [{ seller_transaction_id: paymentId }],
      };
      state.disputes.set(dispute.dispute_id, dispute);
      // "A dispute is created" (event names, Disputes).
      return events.make("CUSTOMER.DISPUTE.CREATED", "dispute", dispute);
    },
    resolveDispute(paymentId, outcome, which) {
      const known = [...state.disputes.values()].findLast(
        ({ disputed_transactions }) => disputed_transactions[0]?.seller_transaction_id === paymentId,
      );
      const dispute = (which === undefined ? known : undefined) ?? {
        dispute_id: newId("PP-D-", 8),
        status: "RESOLVED",
        disputed_transactions: [{ seller_transaction_id: paymentId }],
      };
      dispute.status = "RESOLVED";
      dispute.dispute_outcome = { outcome_code: outcome };
      state.disputes.set(dispute.dispute_id, dispute);
      // "A dispute is resolved" (event names, Disputes).
      return events.make("CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute);
    },
    failRefund(id, how = "FAILED") {
      const refund = lastRefund(id);
      refund.status = how;
      const capture = state.capture(id);
      if (capture !== undefined) capture.status = "COMPLETED";
      else state.sale(id)!.state = "completed";
      return events.make("PAYMENT.REFUND.FAILED", "refund", views.refundView(url, refund, ""));
    },
    finishRefund(id) {
      delete lastRefund(id).status;
    },
    refundPartly(id, value) {
      const capture = state.capture(id);
      if (capture === undefined) throw new Error(`no such capture: ${id}`);
      const amount = { currency_code: capture.amount.currency_code, value };
      api.call("POST", `/v2/payments/captures/${id}/refund`, { amount }, url);
    },
    forgetTokens: () => tokens.clear(),
    async close() {
      events.close();
      authority.close();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };

  const server: Server = createServer((request, response) => {
    void answer(request, response).catch(() => response.writeHead(500).end());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const { method = "GET", url: path = "/" } = request;
    const json = (status: number, body?: unknown) =>
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(body === undefined ? "" : JSON.stringify(body));

    if (path === CERT_PATH) return void response.writeHead(200).end(leaf.pem);
    if (path === AUTHORITY_PATH) return void response.writeHead(200).end(authority.between);
    if (!/^\/v\d\//.test(path)) return page(method, path, text, response);

    calls.push(`${method} ${path}`);
    if (wrong.down !== undefined) return void json(wrong.down, { name: "INTERNAL_SERVER_ERROR" });
    if (path === "/v1/oauth2/token") {
      const expected = `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}`;
      if (request.headers.authorization !== expected || text !== "grant_type=client_credentials")
        return void json(401, { error: "invalid_client", error_description: "Client Authentication failed" });
      const access_token = newId("A21AA", 60);
      tokens.add(access_token);
      return void json(200, {
        scope: "",
        access_token,
        token_type: "Bearer",
        app_id: "APP-80W",
        expires_in: 32_400,
      });
    }
    if (!tokens.has(request.headers.authorization?.replace(/^Bearer /, "") ?? ""))
      return void json(401, {
        error: "invalid_token",
        error_description: "Token signature verification failed",
      });

    // "Idempotency": the same id to the same call gets the answer of before; of a refund with how it stands by now ("the latest
    // status for the previous request").
    const key = `${method} ${path} ${request.headers["paypal-request-id"]}`;
    const repeats = method === "POST" && request.headers["paypal-request-id"] !== undefined;
    const before = repeats ? state.answered.get(key) : undefined;
    const given =
      before === undefined
        ? api.call(method, path, text === "" ? undefined : JSON.parse(text), url)
        : { ...before, ...(path.endsWith("/refund") && { body: refundNow(path, before.body) }) };
    if (repeats && given.status < 300) state.answered.set(key, given);
    if (path.endsWith("/refund") && wrong.slowRefundMs !== undefined) await sleep(wrong.slowRefundMs);
    if (method === "POST" && wrong.losesAnswers && given.status < 300) return void response.destroy();
    json(given.status, given.body);
  }

  function refundNow(path: string, body: unknown): unknown {
    const refunds = path.startsWith("/v1/") ? "/v1/payments/refund" : "/v2/payments/refunds";
    return api.call("GET", `${refunds}/${(body as { id: string }).id}`, undefined, url).body;
  }

  /** The pages that buyers see. */
  function page(method: string, path: string, text: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(path, url);
    const html = (body: string) =>
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(body);
    const to = (location: string) => response.writeHead(303, { location }).end();
    const token = (searchParams.get("token") ?? searchParams.get("ba_token") ?? "").replace(/^BA-/, "");
    const order = state.orders.get(token);
    const subscription = state.subscriptions.get(token);
    if (pathname === "/checkoutnow" || pathname === "/webapps/billing/subscriptions") {
      const bought = order ?? subscription;
      if (bought === undefined) return void response.writeHead(404).end();
      if (method !== "POST") return void html(approvalPage(bought));
      const action = new URLSearchParams(text).get("action");
      if (action === "pay") return void to(simulator.approve(token));
      if (action === "leave") {
        simulator.approve(token);
        return void to("/");
      }
      return void to(withQuery(bought.cancelUrl, { token }));
    }
    if (pathname !== "/") return void response.writeHead(404).end();
    if (method === "POST") {
      const form = new URLSearchParams(text);
      const id = form.get("id") ?? "";
      const actions: Record<BuyerAction, () => unknown> = {
        cancel: () => simulator.cancel(id),
        charge: () => simulator.charge(id),
        dispute: () => simulator.reverse(id),
      };
      actions[form.get("action") as BuyerAction]?.();
      return void to("/");
    }
    html(buyerPage(state));
  }

  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return simulator;
}

function withQuery(address: string, query: Record<string, string>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
