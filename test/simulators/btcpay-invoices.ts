import { fromUnits, toUnits } from "./decimal.ts";

/** The invoices of the stand-in for BTCPay Server (btcpay.ts), and what they cost and have got in each coin. */

export const COINS: Record<string, { code: string; digits: number; rate: string }> = {
  "BTC-CHAIN": { code: "BTC", digits: 8, rate: "64392.23" },
  "BTC-LN": { code: "BTC", digits: 11, rate: "64392.23" },
  "XMR-CHAIN": { code: "XMR", digits: 12, rate: "151.07" },
};

/** `InvoiceStatus` and `InvoiceAdditionalStatus` of the Greenfield API's schemas. */
type Status = "New" | "Processing" | "Expired" | "Invalid" | "Settled";
type AdditionalStatus = "None" | "PaidLate" | "PaidPartial" | "Marked" | "Invalid" | "PaidOver";

export interface Payment {
  id: string;
  method: string;
  units: bigint;
  status: "Processing" | "Settled" | "Invalid";
  receivedDate: number;
}

export interface Invoice {
  id: string;
  amount: string;
  currency: string;
  metadata: Record<string, unknown>;
  methods: string[];
  redirectURL: string | undefined;
  status: Status;
  additionalStatus: AdditionalStatus;
  createdTime: number;
  expirationTime: number;
  monitoringExpiration: number;
  payments: Payment[];
}

/** `payment` of the events InvoiceReceivedPayment and InvoicePaymentSettled ("Webhooks" of the Greenfield API; schema `Payment`). */
export function paymentOf({ id, method, units, status, receivedDate }: Payment): object {
  const { digits } = COINS[method]!;
  const value = fromUnits(units, digits);
  return {
    paymentMethodId: method,
    payment: { id, receivedDate, value, fee: "0.0", status, destination: "address" },
  };
}

/** What the whole invoice costs in a coin, in its smallest units, rounded up. */
export function coinAmount({ amount }: Invoice, method: string): bigint {
  const { digits, rate } = COINS[method]!;
  const scaled = toUnits(amount, 10) * 10n ** BigInt(digits);
  const per = toUnits(rate, 10);
  return (scaled + per - 1n) / per;
}

export const paidUnits = ({ payments }: Invoice, by: string, settled = false): bigint =>
  payments
    .filter(({ method, status }) => method === by && (settled ? status === "Settled" : status !== "Invalid"))
    .reduce((sum, { units }) => sum + units, 0n);

/** An invoice as the API shows it: schema `InvoiceData`, operation `Invoices_GetInvoice`. */
export function invoiceView(
  invoice: Invoice,
  { store, address }: { store: string; address: string },
): object {
  const { id, amount, currency, metadata, methods, redirectURL, status, additionalStatus } = invoice;
  return {
    id,
    storeId: store,
    amount,
    paidAmount: status === "Settled" ? amount : "0",
    currency,
    type: "Standard",
    checkoutLink: `${address}/i/${id}`,
    status,
    additionalStatus,
    createdTime: invoice.createdTime,
    expirationTime: invoice.expirationTime,
    monitoringExpiration: invoice.monitoringExpiration,
    availableStatusesForManualMarking: ["Settled", "Invalid"],
    archived: false,
    metadata,
    checkout: { paymentMethods: methods, redirectURL: redirectURL ?? null },
    receipt: { enabled: null, showQR: null, showPayments: null },
  };
}

/** What an invoice costs in one coin: schema `InvoicePaymentMethodDataModel`, operation `Invoices_GetInvoicePaymentMethods`. */
export function methodView(invoice: Invoice, name: string): object {
  const { code, digits, rate } = COINS[name]!;
  const due = coinAmount(invoice, name);
  const paid = paidUnits(invoice, name);
  const text = (units: bigint) => fromUnits(units, digits);
  return {
    paymentMethodId: name,
    currency: code,
    destination: "address",
    paymentLink: null,
    rate,
    paymentMethodPaid: text(paid),
    totalPaid: text(paid),
    due: text(due - paid),
    amount: text(due),
    paymentMethodFee: "0.0",
    payments: invoice.payments
      .filter(({ method, status }) => method === name && status !== "Invalid")
      .map((payment) => (paymentOf(payment) as { payment: object }).payment),
    activated: true,
  };
}
