import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/event-log.ts";
import { fail, ok, type Result } from "../../lib/result.ts";
import { daysText } from "../../policy/plans.ts";
import type { Payments } from "../payments.ts";
import type {
  Begun,
  CheckoutUrls,
  CoinAmount,
  Finished,
  PaymentProvider,
  ProviderError,
  Webhook,
  WebhookAnswer,
} from "../providers.ts";
import type { OrderSeal, SealedOrder } from "../sealed-order.ts";
import { type BtcpayClient, BtcpayError, type BtcpayInvoice, type BtcpayTrouble } from "./client.ts";
import { invoiceOf, signedByBtcpay } from "./webhook.ts";

type Coin = "bitcoin" | "monero";

/** A form sent twice within so long gets the same invoice. */
const SAME_INVOICE_MS = 10 * 60_000;
const REMEMBERED_MOST = 1000;

/**
 * Bitcoin and Monero through the operator's own BTCPay Server. The order travels sealed in the invoice; what happens to the
 * invoice is asked of the server each time, so that it does not matter how often, in which order or by whom we are told of it.
 *
 * | invoice | what it means here |
 * |---|---|
 * | New | open; with PaidPartial, less than asked for has come so far |
 * | Processing | paid in full, not confirmed yet: waiting |
 * | Settled | paid: credited. Also PaidOver (the rest is the operator's to give back) and Marked (booked there by hand) |
 * | Expired, PaidLate | credited when confirmed payments cover it, at the invoice's own rate |
 * | Expired, PaidPartial | not credited: too little came |
 * | Expired | nothing came |
 * | Invalid | not confirmed in time, or taken back there by hand: what it had been credited for ends |
 */
export class Btcpay {
  readonly #client: BtcpayClient;
  readonly #secret: string;
  readonly #seal: OrderSeal;
  readonly #payments: Payments;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #coins: Record<Coin, readonly string[]>;
  /** By the order's text, oldest first. */
  readonly #begun = new Map<string, { atMs: number; outcome: Promise<Result<Begun, ProviderError>> }>();

  /** `coins`: BTCPay's names of the payment methods for each; an empty list: not offered. */
  constructor(options: {
    client: BtcpayClient;
    webhookSecret: string;
    seal: OrderSeal;
    payments: Payments;
    clock: Clock;
    log: Log;
    coins: Record<Coin, readonly string[]>;
  }) {
    this.#client = options.client;
    this.#secret = options.webhookSecret;
    this.#seal = options.seal;
    this.#payments = options.payments;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#coins = options.coins;
  }

  /** A way to pay for each coin that the operator takes. */
  providers(): PaymentProvider[] {
    return (["bitcoin", "monero"] as const)
      .filter((coin) => this.#coins[coin].length > 0)
      .map((coin) => ({
        method: coin,
        begin: (order, text, urls) => this.#begin(coin, order, text, urls),
        finish: (reference) => this.look(reference),
      }));
  }

  /** How an invoice stands; credits it where it is paid. */
  async look(invoiceId: string): Promise<Finished> {
    try {
      const invoice = await this.#client.invoice(invoiceId);
      const stands = await this.#settle(invoice);
      if (stands.state !== "open" || invoice.additionalStatus !== "PaidPartial") return stands;
      const missing = await this.#missing(invoiceId);
      return { ...stands, ...(missing !== undefined && { missing }) };
    } catch (error) {
      if (!(error instanceof BtcpayError)) throw error;
      return error.code === "unknown-invoice"
        ? { state: "failed", reason: "expired" }
        : { state: "unavailable" };
    }
  }

  /** What is wrong with the settings, or with the server; undefined where it answers as it should. */
  async trouble(): Promise<BtcpayTrouble | undefined> {
    try {
      await this.#client.test();
      return undefined;
    } catch (error) {
      if (!(error instanceof BtcpayError)) throw error;
      return error.code;
    }
  }

  readonly webhook: Webhook = async ({ header, body }): Promise<WebhookAnswer> => {
    if (!signedByBtcpay(this.#secret, body, header("btcpay-sig"))) {
      this.#log("webhook-refused", { part: "btcpay", reason: "signature" });
      return "refused";
    }
    const invoiceId = invoiceOf(body, this.#client.store);
    if (invoiceId === undefined) return "done";
    try {
      const stands = await this.#settle(await this.#client.invoice(invoiceId));
      if (stands.state === "refused")
        this.#log("payment-uncredited", { part: "btcpay", reason: stands.reason });
      return "done";
    } catch (error) {
      if (!(error instanceof BtcpayError)) throw error;
      // Signed by the server and unknown to it: deleted since. There is nothing left to be told again.
      if (error.code === "unknown-invoice") return "done";
      this.#log("provider-failed", { part: "btcpay", reason: error.code });
      return "later";
    }
  };

  #begin(
    coin: Coin,
    order: SealedOrder,
    text: string,
    urls: CheckoutUrls,
  ): Promise<Result<Begun, ProviderError>> {
    const nowMs = this.#clock.monotonic();
    for (const [key, { atMs }] of this.#begun) {
      if (nowMs - atMs < SAME_INVOICE_MS && this.#begun.size < REMEMBERED_MOST) break;
      this.#begun.delete(key);
    }
    const key = `${coin} ${text}`;
    const before = this.#begun.get(key);
    if (before !== undefined) return before.outcome;
    const outcome = this.#make(coin, order, text, urls);
    this.#begun.set(key, { atMs: nowMs, outcome });
    void outcome.then(({ ok }) => ok || this.#begun.delete(key));
    return outcome;
  }

  async #make(
    coin: Coin,
    order: SealedOrder,
    text: string,
    urls: CheckoutUrls,
  ): Promise<Result<Begun, ProviderError>> {
    try {
      const { id, checkoutLink } = await this.#client.create({
        amount: order.price,
        orderId: text,
        itemCode: coin,
        description: daysText(order.days),
        paymentMethods: this.#coins[coin],
        redirectUrl: urls.returnTo,
      });
      return ok({ redirect: checkoutLink, reference: id });
    } catch (error) {
      if (!(error instanceof BtcpayError)) throw error;
      this.#log("provider-failed", { part: "btcpay", reason: error.code });
      return fail(error.code === "unreachable" ? "provider-unavailable" : "provider-refused");
    }
  }

  /** Where the server does not say it now, the page does without. */
  async #missing(invoiceId: string): Promise<CoinAmount | undefined> {
    try {
      return await this.#client.missing(invoiceId);
    } catch (error) {
      if (!(error instanceof BtcpayError)) throw error;
      return undefined;
    }
  }

  async #settle(invoice: BtcpayInvoice): Promise<Finished> {
    const { status, additionalStatus } = invoice;
    switch (status) {
      case "Settled":
        return this.#credit(invoice);
      case "Processing":
        return { state: "waiting" };
      case "New":
        return { state: "open", redirect: invoice.checkoutLink };
      case "Expired":
        if (additionalStatus === "PaidPartial") return { state: "failed", reason: "short" };
        if (additionalStatus !== "PaidLate") return { state: "failed", reason: "expired" };
        return (await this.#client.coveredBySettled(invoice.id))
          ? this.#credit(invoice)
          : { state: "waiting" };
      case "Invalid":
        await this.#uncredit(invoice.id);
        return { state: "failed", reason: "declined" };
      default:
        return { state: "waiting" };
    }
  }

  async #credit({ id, amount, orderId, itemCode }: BtcpayInvoice): Promise<Finished> {
    const order = this.#seal.open(orderId);
    // Somebody else's invoice of the same store: the operator may sell other things there.
    if (order === undefined) return { state: "failed", reason: "cancelled" };
    if (amount === undefined) return { state: "refused", reason: "amount-differs", refunded: false };
    const credited = await this.#payments.credit({
      provider: "btcpay",
      method: itemCode === "monero" ? "monero" : "bitcoin",
      paymentId: id,
      order,
      paid: amount,
      atS: Math.floor(this.#clock.now() / 1000),
    });
    if (!credited.ok) return { state: "refused", reason: credited.error, refunded: false };
    // Was made invalid by hand, and then settled by hand.
    if (credited.value.record.state === "charged-back") await this.#payments.back.giveAgain("btcpay", id);
    return { state: "paid", provider: "btcpay", paymentId: id };
  }

  async #uncredit(invoiceId: string): Promise<void> {
    if ((await this.#payments.find("btcpay", invoiceId)) === undefined) return;
    await this.#payments.back.takeBack("btcpay", invoiceId, "chargeback");
  }
}
