import type { Accounts } from "../accounts/accounts.ts";
import type { Btcpay } from "../billing/btcpay/provider.ts";
import { Cash } from "../billing/cash.ts";
import { Checkout } from "../billing/checkout.ts";
import { Payments } from "../billing/payments.ts";
import type { CertificateSource } from "../billing/paypal/certificates.ts";
import type { PaymentProvider } from "../billing/providers.ts";
import { Receipts } from "../billing/receipts.ts";
import { Refunds } from "../billing/refunds.ts";
import { OrderSeal } from "../billing/sealed-order.ts";
import type { Vouchers } from "../billing/vouchers.ts";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { logFor } from "../lib/event-log.ts";
import type { PaymentMethod } from "../policy/methods.ts";
import type { Store } from "../store/open.ts";
import type { Switches } from "../store/switches.ts";
import type { BuyingDoor } from "../web/options.ts";
import { btcpayOf } from "./btcpay.ts";
import type { Config } from "./config.ts";
import { type PayPalOffice, paypalOf } from "./paypal.ts";

/** Everything of the office that has to do with money. */
export interface PaymentOffice {
  payments: Payments;
  receipts: Receipts;
  refunds: Refunds;
  /** The ways to pay that are set up; gift cards and coupons always are. */
  methods: readonly PaymentMethod[];
  paypal: PayPalOffice | undefined;
  cash: Cash | undefined;
  btcpay: Btcpay | undefined;
  /** For the site; undefined where no provider is set up. */
  door: BuyingDoor | undefined;
}

/**
 * Puts billing together as lethe.toml says. `files`: what its *_file settings name. The payment key follows from the site secret, so
 * that all offices of a service have the same one. `source`: see paypal.ts.
 */
export function openPayments(parts: {
  config: Config;
  files: Readonly<Record<string, string>>;
  siteSecret: Uint8Array;
  store: Store;
  accounts: Accounts;
  vouchers: Vouchers;
  switches: Switches;
  clock: Clock;
  source?: CertificateSource | undefined;
}): PaymentOffice {
  const { config, files, store, accounts, vouchers, switches, clock, source } = parts;
  const paymentKey = deriveKey(parts.siteSecret, "lethe payments");
  const { remember_payers: rememberPayers } = config.paypal;
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey, rememberPayers });
  const receipts = new Receipts(paymentKey);
  const seal = new OrderSeal(paymentKey);

  const paypal = paypalOf(config, files["paypal.secret_file"], {
    store,
    accounts,
    payments,
    seal,
    clock,
    log: logFor("paypal"),
    source,
  });
  const btcpay = btcpayOf(config, files, { payments, seal, clock, log: logFor("btcpay") });
  const refunds = new Refunds({
    receipts,
    payments,
    accounts,
    providers: { ...(paypal && { paypal: paypal.refunds }) },
    clock,
    log: logFor("paypal"),
  });
  const cash =
    config.cash.address.length === 0 ? undefined : new Cash({ store, clock, payments, paymentKey });
  const providers: PaymentProvider[] = [
    ...(paypal?.providers ?? []),
    ...(btcpay?.providers() ?? []),
    ...(cash === undefined ? [] : [cash]),
  ];
  const off = new Set<string>(config.orders.off);
  const open = off.has("all") ? [] : providers.filter(({ method }) => !off.has(method));
  const checkout = new Checkout({
    plans: config.plans,
    providers,
    offered: open.map(({ method }) => method),
    payments,
    receipts,
    vouchers,
    switches,
    seal,
    clock,
  });
  return {
    payments,
    receipts,
    refunds,
    methods: [...open.map(({ method }) => method), "gift-card", "coupon"],
    paypal,
    cash,
    btcpay,
    door:
      providers.length === 0
        ? undefined
        : {
            checkout,
            payments,
            receipts,
            refunds,
            // Also of what is no longer sold: payments that were begun, and subscriptions, go on.
            webhooks: { paypal: paypal?.webhook, btcpay: btcpay?.webhook },
            cash: cash && { cash, address: config.cash.address },
          },
  };
}
