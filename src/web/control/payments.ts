import type { Hono } from "hono";
import { z } from "zod";
import type { BtcpayTrouble } from "../../billing/btcpay/client.ts";
import type { Btcpay } from "../../billing/btcpay/provider.ts";
import { CASH_CODE_CHARACTERS } from "../../billing/cash.ts";
import type { Payments } from "../../billing/payments.ts";
import type { Finished, ProviderName } from "../../billing/providers.ts";
import { plainCode } from "../../lib/typed-code.ts";
import { METHODS } from "../../policy/methods.ts";
import { priceText } from "../../policy/money.ts";

const lookRequest = z.strictObject({ number: z.string().trim().min(1).max(100) });

/** Money behind the commands `lethe payment`. */
export interface PaymentDesk {
  payments: Pick<Payments, "find" | "voucherCode" | "voucherUsed">;
  /** Undefined where BTCPay Server is not set up. */
  btcpay: Btcpay | undefined;
}

/** A payment as its buyer's letter is answered with; whose account it was for is not in it. */
export interface PaymentView {
  method: string;
  /** UTC, `YYYY-mm-dd HH:MM`. */
  at: string;
  plan: string;
  days: number;
  paid: string;
  state: "paid" | "refunding" | "refunded" | "charged-back";
  kind: "account" | "voucher";
  /** Of a voucher: its code, for a buyer whose browser does not show it any more, and whether somebody has used it. */
  voucher?: { code: string; used: boolean };
}

const PROVIDERS: readonly ProviderName[] = ["paypal", "btcpay", "cash"];

/** What BTCPay says of an invoice that counts for nothing (yet). */
const STANDS: Record<Exclude<Finished["state"], "paid">, string> = {
  open: "BTCPay Server knows the invoice; nothing, or too little, has been paid so far.",
  waiting: "BTCPay Server knows the invoice: paid, and not confirmed yet. It counts by itself when it is.",
  failed:
    "No payment of that number counts. At BTCPay Server the invoice is unknown, another shop's, expired, or marked as invalid; if money came all the same, mark it as settled there, and it counts.",
  refused:
    "The invoice was paid, but it counts for nothing: the amount differs from the order, the account is gone or terminated, or its coupon was used up by others. Give the money back in BTCPay Server.",
  unavailable: "BTCPay Server does not answer. Try again later.",
};

const TROUBLES: Record<BtcpayTrouble, string> = {
  unreachable: "The BTCPay server does not answer, or has trouble of its own: look at btcpay.address.",
  refused:
    "The BTCPay server refuses the key: it must be of that store, and may view invoices (btcpay.store.canviewinvoices).",
  "unknown-invoice": "The BTCPay server has no such store: look at btcpay.store.",
  malformed: "What answers at btcpay.address is no BTCPay server.",
};

export function addPaymentControl(app: Hono, { payments, btcpay }: PaymentDesk): void {
  /** Payments by the number that the provider gives them; BTCPay is asked where none counts yet. */
  app.post("/payments/look", async (c) => {
    const { number } = lookRequest.parse(await c.req.json());
    const viewOf = async (provider: ProviderName, id: string): Promise<PaymentView | undefined> => {
      const record = await payments.find(provider, id);
      if (record === undefined) return undefined;
      const voucher = record.voucherHash !== undefined;
      return {
        method: METHODS[record.method].title,
        at: new Date(record.atS * 1000).toISOString().slice(0, 16).replace("T", " "),
        plan: record.plan,
        days: record.days,
        paid: priceText(record.paid),
        state: record.state,
        kind: voucher ? "voucher" : "account",
        ...(voucher && {
          voucher: { code: payments.voucherCode(provider, id), used: await payments.voucherUsed(record) },
        }),
      };
    };
    for (const provider of PROVIDERS) {
      const id = provider === "cash" ? plainCode(number, CASH_CODE_CHARACTERS) : number;
      const view = id === undefined ? undefined : await viewOf(provider, id);
      if (view !== undefined) return c.json(view);
    }
    if (btcpay === undefined || !/^[A-Za-z0-9]{1,100}$/.test(number))
      return c.json({ error: "No payment of that number counts." }, 400);
    const stands = await btcpay.look(number);
    const now = stands.state === "paid" ? await viewOf("btcpay", number) : undefined;
    if (now !== undefined) return c.json(now);
    return c.json({ error: STANDS[stands.state === "paid" ? "failed" : stands.state] }, 400);
  });

  app.post("/payments/test", async (c) => {
    if (btcpay === undefined)
      return c.json({ error: "BTCPay Server is not set up: [btcpay] in lethe.toml." }, 400);
    const trouble = await btcpay.trouble();
    return trouble === undefined ? c.json({ works: true }) : c.json({ error: TROUBLES[trouble] }, 400);
  });
}
