import type { Result } from "../lib/result.ts";
import type { PaymentMethod } from "../policy/methods.ts";
import type { SealedOrder } from "./sealed-order.ts";

/** Who takes the money. Together with the id that they give a payment it names that payment for ever. */
export type ProviderName = "paypal" | "btcpay" | "cash" | "coupon";

/** Why a payment counts for nothing. Nothing was changed then; whoever reported it gives the money back where they can. */
export type CreditRefusal =
  | "amount-differs"
  | "account-gone"
  | "account-terminated"
  | "coupon-used"
  /** So old that nobody knows any more whether it has counted. */
  | "order-expired";

export type ProviderError = "provider-unavailable" | "provider-refused";

/** Where the provider sends the buyer's browser afterwards; whole addresses of this site. */
export interface CheckoutUrls {
  returnTo: string;
  cancelled: string;
}

export interface Begun {
  /** Where the buyer pays: an address at the provider (for cash: a page of this site). */
  redirect: string;
  /** The provider's id of the order, subscription or invoice: `finish` asks by it. The buyer's browser keeps it, sealed. */
  reference: string;
}

/** An amount of a coin as exact decimal text, without zeros at its end: `0.00003883`, `BTC`. */
export interface CoinAmount {
  amount: string;
  currency: string;
}

/** How an order stands with the provider, asked there and never believed of a browser. */
export type Finished =
  /** Paid and credited (now or before). `paymentId` is what `Payments.credit` was given. */
  | { state: "paid"; provider: ProviderName; paymentId: string }
  /** The buyer has done their part and the provider has not yet: a confirmation in the block chain, a bank. */
  | { state: "waiting" }
  /** Nothing, or not all, has been paid yet, and it still can be. `missing`: what is left of a part payment. */
  | { state: "open"; redirect?: string; missing?: CoinAmount }
  /** It will not be paid any more. `short`: less came than was asked for. */
  | { state: "failed"; reason: "declined" | "cancelled" | "expired" | "short" }
  /**
   * Paid, but not for what was ordered, for an account that is gone, or as a second subscription while another one runs: given back
   * where the provider can.
   */
  | { state: "refused"; reason: CreditRefusal | "subscription-runs"; refunded: boolean; paymentId?: string }
  | { state: "unavailable" };

/**
 * One way to pay. `begin` and `finish` never throw for what a provider or a buyer does; both may be repeated and raced. `finish`
 * takes what is to be taken (a PayPal capture) and credits it by `Payments.credit`, as the webhook does.
 */
export interface PaymentProvider {
  readonly method: PaymentMethod;
  /** `text`: the order sealed (sealed-order.ts), to travel with the payment. The same order gets the same answer. */
  begin(order: SealedOrder, text: string, urls: CheckoutUrls): Promise<Result<Begun, ProviderError>>;
  finish(reference: string): Promise<Finished>;
}

/** A webhook's request as it came; nothing has been read of it. */
export interface WebhookRequest {
  /** By lower-case name; undefined where it is missing. */
  header(name: string): string | undefined;
  body: Uint8Array;
  /** The network that it came from (login-throttle.ts), to be counted in memory; undefined: nobody knows. */
  from?: string;
}

/**
 * What the provider is told. `done`: 200, also for what is none of our business. `refused`: 400, and nothing was changed.
 * `later`: 503, so that it is delivered again.
 */
export type WebhookAnswer = "done" | "refused" | "later";

export type Webhook = (request: WebhookRequest) => Promise<WebhookAnswer>;
