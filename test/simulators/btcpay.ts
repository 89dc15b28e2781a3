import { createHmac, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { checkoutPage, invoicesPage } from "./btcpay-checkout.ts";
import {
  COINS,
  coinAmount,
  type Invoice,
  invoiceView,
  methodView,
  type Payment,
  paidUnits,
  paymentOf,
} from "./btcpay-invoices.ts";
import { fromUnits } from "./decimal.ts";

/**
 * A stand-in for BTCPay Server, made after its published Greenfield API (docs.btcpayserver.org/API/Greenfield/v1: "Invoices",
 * "Webhooks") and the states that its InvoiceWatcher goes through. It imports nothing from src/, so that a mistake in our
 * reading of the API is not made twice. Payments are the buttons of its checkout page, or the calls below.
 */

/** Events as "Webhooks" of the Greenfield API lists them: schemas `WebhookInvoiceEvent` and `WebhookInvoice…Event`. */
type EventType =
  | "InvoiceCreated"
  | "InvoiceReceivedPayment"
  | "InvoicePaymentSettled"
  | "InvoiceProcessing"
  | "InvoiceExpired"
  | "InvoiceSettled"
  | "InvoiceInvalid";

export interface Delivery {
  id: string;
  invoiceId: string;
  type: EventType;
  body: string;
  /** The answer's status; undefined: not delivered yet, or nobody answered. */
  httpCode?: number;
}

export interface BtcpaySimulatorOptions {
  apiKey?: string;
  store?: string;
  port?: number;
  webhook?: { url: string; secret: string };
  /** Waits before a failed delivery is sent again; as documented: 10 s, 1 min, then six times 10 min. */
  redeliverMs?: readonly number[];
}

export class BtcpaySimulator {
  readonly apiKey: string;
  readonly store: string;
  readonly invoices = new Map<string, Invoice>();
  readonly deliveries: Delivery[] = [];
  webhook: { url: string; secret: string } | undefined;
  /** Deliveries are kept back until `release`: for events that arrive in another order. */
  held = false;
  /** So many of the next API calls are answered with 500. */
  failures = 0;
  readonly #redeliverMs: readonly number[];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #webhookId = id(20);
  readonly #timers = new Set<NodeJS.Timeout>();
  #sending: Promise<unknown> = Promise.resolve();

  constructor(options: BtcpaySimulatorOptions = {}) {
    this.apiKey = options.apiKey ?? randomBytes(20).toString("hex");
    this.store = options.store ?? id(44);
    this.webhook = options.webhook;
    this.#redeliverMs = options.redeliverMs ?? [10_000, 60_000, ...Array(6).fill(600_000)];
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    return this;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Resolves when every delivery that was due has been tried. */
  async delivered(): Promise<void> {
    for (let before: Promise<unknown> | undefined; before !== this.#sending; ) {
      before = this.#sending;
      await before;
    }
  }

  /**
   * The buyer pays `part` of the price with the invoice's first coin (or the one named): seen at once, confirmed by `confirm`.
   * Lightning settles at once.
   */
  pay(invoiceId: string, part: "all" | "half" | "double" = "all", method?: string): void {
    const invoice = this.#invoice(invoiceId);
    const by = method ?? invoice.methods[0] ?? "BTC-CHAIN";
    const due = coinAmount(invoice, by);
    const units = part === "all" ? due : part === "half" ? due / 2n : due * 2n;
    this.#receive(invoice, by, units);
  }

  /** The rest of what is due. */
  payRest(invoiceId: string): void {
    const invoice = this.#invoice(invoiceId);
    const by = invoice.methods[0] ?? "BTC-CHAIN";
    this.#receive(invoice, by, coinAmount(invoice, by) - paidUnits(invoice, by));
  }

  /** Enough blocks have come for every payment of the invoice. */
  confirm(invoiceId: string): void {
    const invoice = this.#invoice(invoiceId);
    for (const payment of invoice.payments.filter(({ status }) => status === "Processing")) {
      payment.status = "Settled";
      this.#tell(invoice, "InvoicePaymentSettled", { ...afterExpiration(invoice), ...paymentOf(payment) });
    }
    this.#watch(invoice);
  }

  /** A payment was spent twice, and the other one won. */
  doubleSpend(invoiceId: string): void {
    const invoice = this.#invoice(invoiceId);
    for (const payment of invoice.payments) if (payment.status === "Processing") payment.status = "Invalid";
    this.#watch(invoice);
  }

  /** The invoice's time is over. */
  expire(invoiceId: string): void {
    const invoice = this.#invoice(invoiceId);
    invoice.expirationTime = now() - 1;
    this.#watch(invoice);
  }

  /** Nobody looks for payments of it any longer. */
  endMonitoring(invoiceId: string): void {
    const invoice = this.#invoice(invoiceId);
    invoice.expirationTime = Math.min(invoice.expirationTime, now() - 1);
    invoice.monitoringExpiration = now() - 1;
    this.#watch(invoice);
  }

  /** What the operator can do on BTCPay's own page ("Mark invoice status"). */
  mark(invoiceId: string, status: "Settled" | "Invalid"): void {
    const invoice = this.#invoice(invoiceId);
    Object.assign(invoice, { status, additionalStatus: "Marked" });
    const type = status === "Settled" ? "InvoiceSettled" : "InvoiceInvalid";
    this.#tell(invoice, type, { manuallyMarked: true, ...(status === "Settled" && { overPaid: false }) });
  }

  /** Sends a delivery again, as the button on BTCPay's page does. */
  redeliver(delivery: Delivery): void {
    const body = JSON.parse(delivery.body);
    const again = {
      ...body,
      deliveryId: id(22),
      isRedelivery: true,
      originalDeliveryId: body.originalDeliveryId,
    };
    this.#enqueue({ ...delivery, id: again.deliveryId, body: JSON.stringify(again) }, 0);
  }

  /** Sends what was kept back, in the order that `order` makes of it. */
  release(order: (waiting: Delivery[]) => Delivery[] = (waiting) => waiting): void {
    this.held = false;
    for (const delivery of order(this.deliveries.filter(({ httpCode }) => httpCode === undefined)))
      this.#enqueue(delivery, 0);
  }

  #invoice(invoiceId: string): Invoice {
    const invoice = this.invoices.get(invoiceId);
    if (invoice === undefined) throw new Error(`no invoice ${invoiceId}`);
    return invoice;
  }

  #receive(invoice: Invoice, method: string, units: bigint): void {
    const payment: Payment = {
      id: randomBytes(32).toString("hex"),
      method,
      units,
      status: method.endsWith("-LN") ? "Settled" : "Processing",
      receivedDate: now(),
    };
    invoice.payments.push(payment);
    this.#tell(invoice, "InvoiceReceivedPayment", { ...afterExpiration(invoice), ...paymentOf(payment) });
    this.#watch(invoice);
  }

  /** As BTCPay's InvoiceWatcher goes from state to state. */
  #watch(invoice: Invoice): void {
    if (invoice.status === "New" && invoice.expirationTime < now()) {
      invoice.status = "Expired";
      this.#tell(invoice, "InvoiceExpired", { partiallyPaid: invoice.payments.length > 0 });
    }
    const share = (settled: boolean) =>
      invoice.methods.map((method) => paidUnits(invoice, method, settled) - coinAmount(invoice, method));
    const isPaid = share(false).some((rest) => rest >= 0n);
    const isOver = share(false).some((rest) => rest > 0n);
    const some = invoice.payments.some(({ status }) => status !== "Invalid");
    if (invoice.status === "New" || invoice.status === "Expired") {
      if (isPaid && invoice.status === "New") {
        invoice.status = "Processing";
        invoice.additionalStatus = isOver ? "PaidOver" : "None";
        this.#tell(invoice, "InvoiceProcessing", { overPaid: isOver });
      } else if (isPaid) invoice.additionalStatus = "PaidLate";
      else invoice.additionalStatus = some ? "PaidPartial" : "None";
    }
    if (invoice.status === "Processing") {
      if (!isPaid) {
        invoice.status = "New";
        invoice.additionalStatus = some ? "PaidPartial" : "None";
      } else if (share(true).some((rest) => rest >= 0n)) {
        invoice.status = "Settled";
        this.#tell(invoice, "InvoiceSettled", { manuallyMarked: false, overPaid: isOver });
      } else if (invoice.monitoringExpiration < now()) {
        invoice.status = "Invalid";
        this.#tell(invoice, "InvoiceInvalid", { manuallyMarked: false });
      }
    }
  }

  /** The fields of every event: schemas `WebhookEvent` and `WebhookInvoiceEvent`; `more`: those of this one. */
  #tell(invoice: Invoice, type: EventType, more: object = {}): void {
    const deliveryId = id(22);
    const event = {
      deliveryId,
      webhookId: this.#webhookId,
      originalDeliveryId: deliveryId,
      isRedelivery: false,
      type,
      timestamp: now(),
      storeId: this.store,
      invoiceId: invoice.id,
      metadata: invoice.metadata,
      ...more,
    };
    const delivery = { id: deliveryId, invoiceId: invoice.id, type, body: JSON.stringify(event) };
    this.deliveries.push(delivery);
    if (!this.held) this.#enqueue(delivery, 0);
  }

  /** One after another, as BTCPay keeps their order. */
  #enqueue(delivery: Delivery, tries: number): void {
    this.#sending = this.#sending.then(() => this.#send(delivery, tries));
  }

  async #send(delivery: Delivery, tries: number): Promise<void> {
    if (this.webhook === undefined) return;
    const { url, secret } = this.webhook;
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "btcpay-sig": signature(secret, delivery.body) },
        body: delivery.body,
      });
      await answer.arrayBuffer();
      delivery.httpCode = answer.status;
      if (answer.ok) return;
    } catch {
      // Nobody listens there.
    }
    const waitMs = this.#redeliverMs[tries];
    if (waitMs === undefined) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const body = { ...JSON.parse(delivery.body), deliveryId: id(22), isRedelivery: true };
      this.#enqueue({ ...delivery, body: JSON.stringify(body) }, tries + 1);
    }, waitMs);
    this.#timers.add(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.address);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    const json = (code: number, value: unknown) => {
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    const checkout = /^\/i\/([A-Za-z0-9]+)(?:\/([a-z-]+))?$/.exec(url.pathname);
    if (checkout !== null) {
      this.#checkout(checkout[1]!, checkout[2], request.method ?? "GET", response);
      return;
    }
    if (url.pathname === "/") {
      const page = invoicesPage([...this.invoices.values()].toReversed());
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
      return;
    }
    const api = /^\/api\/v1\/stores\/([^/]+)\/invoices(?:\/([^/]+)(\/payment-methods)?)?$/.exec(url.pathname);
    if (api === null) return json(404, problem("not-found"));
    if (request.headers.authorization !== `token ${this.apiKey}`)
      return json(401, problem("unauthenticated"));
    if (api[1] !== this.store) return json(403, problem("missing-permission"));
    if (this.failures > 0) {
      this.failures -= 1;
      return json(500, problem("internal"));
    }
    if (api[2] === undefined && request.method === "POST") {
      const made = this.#create(body);
      return Array.isArray(made) ? json(400, made) : json(200, invoiceView(made, this));
    }
    if (api[2] === undefined) {
      const newest = [...this.invoices.values()]
        .toReversed()
        .slice(0, Number(url.searchParams.get("take") ?? 50));
      return json(
        200,
        newest.map((invoice) => invoiceView(invoice, this)),
      );
    }
    const invoice = this.invoices.get(api[2]);
    if (invoice === undefined) return json(404, problem("invoice-not-found"));
    json(
      200,
      api[3] === undefined
        ? invoiceView(invoice, this)
        : invoice.methods.map((name) => methodView(invoice, name)),
    );
  }

  /** Operation `Invoices_CreateInvoice`; what is wrong as schema `ValidationProblemDetails` has it. */
  #create(body: string): Invoice | { path: string; message: string }[] {
    const asked = JSON.parse(body);
    const wrong: { path: string; message: string }[] = [];
    const methods: string[] = asked.checkout?.paymentMethods ?? ["BTC-CHAIN"];
    if (!/^\d+(\.\d+)?$/.test(String(asked.amount)))
      wrong.push({ path: "Amount", message: "Amount is not valid" });
    if (!/^[A-Z]{3}$/.test(asked.currency ?? ""))
      wrong.push({ path: "Currency", message: "Currency is invalid" });
    methods.forEach((method, index) => {
      if (COINS[method] === undefined)
        wrong.push({ path: `Checkout.PaymentMethods[${index}]`, message: "Invalid PaymentMethodId" });
    });
    if (wrong.length > 0) return wrong;
    const createdTime = now();
    const expirationTime = createdTime + (asked.checkout?.expirationMinutes ?? 15) * 60;
    const invoice: Invoice = {
      id: id(22),
      amount: String(asked.amount),
      currency: asked.currency,
      metadata: asked.metadata ?? {},
      methods,
      redirectURL: asked.checkout?.redirectURL,
      status: "New",
      additionalStatus: "None",
      createdTime,
      expirationTime,
      monitoringExpiration: expirationTime + (asked.checkout?.monitoringMinutes ?? 1440) * 60,
      payments: [],
    };
    this.invoices.set(invoice.id, invoice);
    this.#tell(invoice, "InvoiceCreated");
    return invoice;
  }

  #checkout(invoiceId: string, action: string | undefined, method: string, response: ServerResponse): void {
    const invoice = this.invoices.get(invoiceId);
    if (invoice === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is no such invoice.\n");
      return;
    }
    if (method === "POST") {
      if (action === "pay") this.pay(invoiceId);
      if (action === "pay-half") this.pay(invoiceId, "half");
      if (action === "pay-double") this.pay(invoiceId, "double");
      if (action === "confirm") this.confirm(invoiceId);
      if (action === "expire") this.expire(invoiceId);
      response.writeHead(303, { location: `/i/${invoiceId}` }).end();
      return;
    }
    const coin = invoice.methods[0] ?? "BTC-CHAIN";
    const { code, digits } = COINS[coin]!;
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(
      checkoutPage({
        ...invoice,
        due: `${fromUnits(coinAmount(invoice, coin), digits)} ${code}`,
        back: invoice.redirectURL
          ?.replaceAll("{InvoiceId}", invoiceId)
          .replaceAll("{OrderId}", encodeURIComponent(String(invoice.metadata.orderId ?? ""))),
      }),
    );
  }
}

/** The header BTCPay-Sig ("Webhooks"): `sha256=HMAC256(UTF8(webhook's secret), body)`. */
export const signature = (secret: string, body: string): string =>
  `sha256=${createHmac("sha256", secret).update(body, "utf8").digest("hex")}`;

const now = (): number => Math.floor(Date.now() / 1000);
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const id = (length: number): string =>
  Array.from(randomBytes(length), (byte) => BASE58[byte % BASE58.length]).join("");
const problem = (code: string): object => ({ code, message: code });
const afterExpiration = ({ status }: Invoice): object => ({ afterExpiration: status === "Expired" });
