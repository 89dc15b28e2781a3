import { z } from "zod";
import { decimalOf, type Money, parseMoney } from "../../policy/money.ts";
import type { CoinAmount } from "../providers.ts";

/**
 * The calls of BTCPay Server's Greenfield API that orders need: make an invoice, look at one, look at its payments (`POST` and `GET
 * /api/v1/stores/{storeId}/invoices`, permissions btcpay.store.cancreateinvoice and btcpay.store.canviewinvoices).
 * An invoice holds a sealed order and nothing of the buyer.
 */

/** `unreachable`: no answer, or its own trouble (5xx). `refused`: the key, the store or the request is not taken. */
export type BtcpayTrouble = "unreachable" | "refused" | "unknown-invoice" | "malformed";

export class BtcpayError extends Error {
  override name = "BtcpayError";
  readonly code: BtcpayTrouble;
  constructor(code: BtcpayTrouble) {
    // The server's own words could hold anything; the code alone goes on.
    super(code);
    this.code = code;
  }
}

/** Schemas `InvoiceStatus` and `InvoiceAdditionalStatus` of the API; one that a later version adds counts as not paid. */
const INVOICE = z.object({
  id: z.string().regex(/^[A-Za-z0-9]{1,100}$/),
  storeId: z.string(),
  // Its text is exact; some versions send a number.
  amount: z.union([z.string(), z.number()]).transform(String),
  currency: z.string(),
  type: z.enum(["Standard", "TopUp"]).default("Standard"),
  checkoutLink: z.string(),
  status: z.string(),
  additionalStatus: z.string().default("None"),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/** Of schema `InvoicePaymentMethodDataModel`; `status` of a payment is Invalid, Processing or Settled. */
const PAID_BY = z.array(
  z.object({
    amount: z.union([z.string(), z.number()]).transform(String),
    currency: z
      .string()
      .regex(/^[A-Z0-9]{2,10}$/)
      .optional(),
    // What is left to be paid, other coins' payments taken off; less than nothing where too much came.
    due: z.union([z.string(), z.number()]).transform(String).optional(),
    payments: z
      .array(
        z.object({
          value: z.union([z.string(), z.number()]).transform(String),
          status: z.string(),
        }),
      )
      .default([]),
  }),
);

export interface BtcpayInvoice {
  id: string;
  /** What was asked for. Undefined where it is no amount of ours: a top-up invoice, or another currency than prices can have. */
  amount: Money | undefined;
  status: "New" | "Processing" | "Expired" | "Invalid" | "Settled" | "other";
  additionalStatus: "None" | "PaidLate" | "PaidPartial" | "Marked" | "Invalid" | "PaidOver" | "other";
  /** The page where the buyer pays. */
  checkoutLink: string;
  /** `metadata.orderId`: the sealed order, where we made the invoice. */
  orderId: string | undefined;
  /** `metadata.itemCode`: how the buyer chose to pay. */
  itemCode: string | undefined;
}

export interface NewInvoice {
  amount: Money;
  /** The sealed order. */
  orderId: string;
  /** How the buyer chose to pay: comes back with the invoice. */
  itemCode: string;
  /** What stands on the checkout page. */
  description: string;
  /** Names of BTCPay's own: `BTC-CHAIN`, `XMR-CHAIN`. */
  paymentMethods: readonly string[];
  /** Where the buyer comes back to; `{InvoiceId}` in it becomes the invoice's. */
  redirectUrl: string;
}

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MOST = 1_000_000;
/** Long enough to open a wallet and short enough for the rate that the invoice promises. */
const EXPIRATION_MINUTES = 60;
/** A payment that comes late, or confirms slowly, is still seen for so long (BTCPay Server's own default). */
const MONITORING_MINUTES = 24 * 60;

const STATUSES = ["New", "Processing", "Expired", "Invalid", "Settled"] as const;
const ADDITIONAL = ["None", "PaidLate", "PaidPartial", "Marked", "Invalid", "PaidOver"] as const;

export class BtcpayClient {
  readonly #address: string;
  readonly #store: string;
  readonly #key: string;
  readonly #fetch: typeof fetch;

  /** `address`: an origin, `https://pay.example.net`. */
  constructor(options: { address: string; store: string; apiKey: string; fetch?: typeof fetch }) {
    this.#address = options.address.replace(/\/$/, "");
    this.#store = options.store;
    this.#key = options.apiKey;
    this.#fetch = options.fetch ?? fetch;
  }

  get store(): string {
    return this.#store;
  }

  /** Throws BtcpayError. */
  async create(invoice: NewInvoice): Promise<BtcpayInvoice> {
    const made = this.#read(
      await this.#ask("POST", "", {
        amount: decimalOf(invoice.amount),
        currency: invoice.amount.currency,
        metadata: { orderId: invoice.orderId, itemCode: invoice.itemCode, itemDesc: invoice.description },
        checkout: {
          paymentMethods: invoice.paymentMethods,
          defaultPaymentMethod: invoice.paymentMethods[0],
          expirationMinutes: EXPIRATION_MINUTES,
          monitoringMinutes: MONITORING_MINUTES,
          // Paid is paid in full, whatever the store's own setting says.
          paymentTolerance: 0,
          redirectURL: invoice.redirectUrl,
          redirectAutomatically: true,
        },
        // A page of BTCPay's own that shows the payments to whoever has its link: we give a receipt ourselves.
        receipt: { enabled: false },
      }),
    );
    // The buyer is sent there: to the server that the operator named, and nowhere else.
    if (
      !URL.canParse(made.checkoutLink) ||
      new URL(made.checkoutLink).origin !== new URL(this.#address).origin
    )
      throw new BtcpayError("malformed");
    return made;
  }

  /** The invoice as the server has it now. Throws BtcpayError. */
  async invoice(id: string): Promise<BtcpayInvoice> {
    const invoice = this.#read(await this.#ask("GET", `/${encodeURIComponent(id)}`));
    if (invoice.id !== id) throw new BtcpayError("malformed");
    return invoice;
  }

  /**
   * Whether confirmed payments cover the whole invoice in one of its currencies: by what came and is settled, at the invoice's own
   * rate. For payments that came when its time was over, of which the invoice's state says only that they came.
   */
  async coveredBySettled(id: string): Promise<boolean> {
    return (await this.#paidBy(id)).some(({ amount, payments }) => {
      const due = coinUnits(amount);
      const came = payments.filter(({ status }) => status === "Settled").map(({ value }) => coinUnits(value));
      if (due === undefined || due <= 0n || came.some((units) => units === undefined)) return false;
      return came.reduce<bigint>((sum, units) => sum + units!, 0n) >= due;
    });
  }

  /** What is left of an invoice that was paid in part, in the coin that came; undefined where nothing is, or it is not said. Throws BtcpayError. */
  async missing(id: string): Promise<CoinAmount | undefined> {
    const methods = await this.#paidBy(id);
    const { due, currency } = methods.find(({ payments }) => payments.length > 0) ?? methods[0] ?? {};
    const units = due === undefined ? undefined : coinUnits(due);
    if (units === undefined || units === 0n || currency === undefined) return undefined;
    return { amount: coinText(units), currency };
  }

  async #paidBy(id: string): Promise<z.infer<typeof PAID_BY>> {
    const read = PAID_BY.safeParse(await this.#ask("GET", `/${encodeURIComponent(id)}/payment-methods`));
    if (!read.success) throw new BtcpayError("malformed");
    return read.data;
  }

  /** Asks for the newest invoice alone, to see whether server, store and key fit. Throws BtcpayError. */
  async test(): Promise<void> {
    if (!Array.isArray(await this.#ask("GET", "?take=1"))) throw new BtcpayError("malformed");
  }

  async #ask(method: "GET" | "POST", path: string, body?: object): Promise<unknown> {
    const url = `${this.#address}/api/v1/stores/${encodeURIComponent(this.#store)}/invoices${path}`;
    let answer: Response;
    let text: string;
    try {
      answer = await this.#fetch(url, {
        method,
        headers: {
          authorization: `token ${this.#key}`,
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // The key goes to the server that the operator named.
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await textOf(answer);
    } catch (error) {
      if (error instanceof BtcpayError) throw error;
      throw new BtcpayError("unreachable");
    }
    if (answer.status === 404 && method === "GET") throw new BtcpayError("unknown-invoice");
    if (answer.status >= 500 || answer.status === 429) throw new BtcpayError("unreachable");
    if (!answer.ok) throw new BtcpayError("refused");
    try {
      return JSON.parse(text);
    } catch {
      throw new BtcpayError("malformed");
    }
  }

  #read(answer: unknown): BtcpayInvoice {
    const read = INVOICE.safeParse(answer);
    if (!read.success || read.data.storeId !== this.#store) throw new BtcpayError("malformed");
    const { id, amount, currency, type, checkoutLink, status, additionalStatus, metadata } = read.data;
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    return {
      id,
      amount: type === "TopUp" ? undefined : parseMoney(amount, currency),
      status: STATUSES.find((known) => known === status) ?? "other",
      additionalStatus: ADDITIONAL.find((known) => known === additionalStatus) ?? "other",
      checkoutLink,
      orderId: text(metadata?.orderId),
      itemCode: text(metadata?.itemCode),
    };
  }
}

/** An answer of bounded length: a server that never stops sending must not fill our memory. */
async function textOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MOST) throw new BtcpayError("malformed");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Eighteen digits after the point: Bitcoin has 8, Lightning 11, Monero 12. */
const COIN_DIGITS = 18;

/** The other way round. */
function coinText(units: bigint): string {
  const digits = String(units).padStart(COIN_DIGITS + 1, "0");
  const fraction = digits.slice(-COIN_DIGITS).replace(/0+$/, "");
  return `${digits.slice(0, -COIN_DIGITS)}${fraction && `.${fraction}`}`;
}

/** Decimal text, exactly; undefined where it is none, or has more digits than any coin. */
function coinUnits(decimal: string): bigint | undefined {
  const [, whole, fraction = ""] = /^(\d{1,20})(?:\.(\d{1,18}))?$/.exec(decimal) ?? [];
  return whole === undefined ? undefined : BigInt(whole + fraction.padEnd(COIN_DIGITS, "0"));
}
