import type { PaymentMethod } from "./methods.ts";
import type { Money } from "./money.ts";

/** What is known of a payment to whoever has the provider's id of it, and to nobody else. */
export interface PaymentRecord {
  /** `refunding`: the provider has been, or is about to be, told to give it back. */
  state: "paid" | "refunding" | "refunded" | "charged-back";
  method: PaymentMethod;
  /** Whose time it was; undefined: a voucher was bought, or it was taken back before it ever counted. */
  accountId?: string | undefined;
  /** The bought voucher's hash. */
  voucherHash?: string | undefined;
  plan: string;
  days: number;
  /** What came in. */
  paid: Money;
  /** A coupon made it cheaper. */
  coupon: boolean;
  /** When it was paid, UTC seconds, a whole minute. */
  atS: number;
  /** What this payment gave of the account's paid time, on the scale of policy/expiry.ts; both 0 for a voucher. */
  fromS: number;
  untilS: number;
  /** How much of it was taken away again when the payment was taken back, seconds. */
  takenS: number;
  /** The account had never run before (and, where payers are remembered, the payer had never bought). */
  first: boolean;
  /** PayPal's id of the subscription that it belongs to. */
  subscription?: string | undefined;
  /** The provider's id of the report by which it was taken back last. */
  news?: string | undefined;
  /** When the provider reported that, and when it last reported a dispute that was decided for us: UTC seconds by its own clock. */
  reportedS?: number | undefined;
  wonS?: number | undefined;
  /** A refund had been granted, and had not been made, when the buyer's bank took it. */
  granted?: boolean | undefined;
  /** The provider's ids of disputes about it that were decided for the buyer and stand so. */
  lost?: string[] | undefined;
}

/** What each of them is, for the data inventory and for whoever asks lawfully: a field without words does not compile. */
const PAYMENT_RECORD_WORDS: Record<keyof PaymentRecord, string> = {
  accountId: "the account's random number",
  voucherHash: "or the bought voucher's hash",
  method: "the way to pay",
  plan: "the plan",
  days: "its days",
  paid: "the amount",
  coupon: "whether a coupon made it cheaper",
  atS: "the minute of the payment",
  fromS: "when the paid time that it gave begins",
  untilS: "and ends",
  first: "whether it was the first purchase",
  subscription: "PayPal's number of the subscription",
  state: "whether it was given or taken back",
  takenS: "how much paid time that ended",
  news: "the provider's number of the report of it",
  reportedS: "the second of that report",
  wonS: "and that of the last report by which it came back",
  granted: "whether a refund was granted before the buyer's bank took it",
  lost: "the provider's numbers of disputes about it that were lost",
};

/** `the account's random number, …`: all that a payment's sealed record may hold. */
export const paymentRecordText = Object.values(PAYMENT_RECORD_WORDS).join(", ");
