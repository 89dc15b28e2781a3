import { randomBytes } from "node:crypto";
import { type PayPalSimulator, startPayPal } from "../../../test/simulators/paypal.ts";
import type { Spoiled } from "../../../test/simulators/paypal-events.ts";
import type { SentEvent } from "../../../test/simulators/paypal-state.ts";
import { Accounts } from "../../accounts/accounts.ts";
import { FakeClock } from "../../lib/clock.ts";
import type { EventCode, Reason } from "../../lib/event-log.ts";
import type { Store } from "../../store/open.ts";
import { openTestStore, type StoreKind } from "../../store/testing.ts";
import { Payments } from "../payments.ts";
import type { Webhook, WebhookAnswer } from "../providers.ts";
import { OrderSeal, type SealedOrder } from "../sealed-order.ts";
import { Vouchers } from "../vouchers.ts";
import { type CertificateSource, WebhookCertificates } from "./certificates.ts";
import { PayPalClient } from "./client.ts";
import { paypalWebhook } from "./events.ts";
import { Payees } from "./payee.ts";
import { PayPalOneOff, type PayPalShop, PayPalSubscriptions } from "./providers.ts";

export const PRICE = { minor: 500, currency: "EUR" };
const URLS = {
  returnTo: "https://vpn.example.net/order/return",
  cancelled: "https://vpn.example.net/order/cancelled",
};

/** A shop with a PayPal of its own, on a real store. For tests. */
export interface Shop {
  paypal: PayPalSimulator;
  clock: FakeClock;
  store: Store;
  accounts: Accounts;
  vouchers: Vouchers;
  payments: Payments;
  seal: OrderSeal;
  shop: PayPalShop;
  oneOff: PayPalOneOff;
  subscriptions: PayPalSubscriptions;
  webhook: Webhook;
  logged: string[];
  /** A new member's account id. */
  member(name: string): Promise<string>;
  order(input?: Partial<SealedOrder>): { order: SealedOrder; text: string };
  /** An order that the buyer has approved at PayPal; its reference. */
  approved(input?: Partial<SealedOrder>, kind?: "once" | "subscription"): Promise<string>;
  deliver(event: SentEvent, spoiled?: Spoiled): Promise<WebhookAnswer>;
  /** Those of a type that PayPal has made, oldest first. */
  events(type: string): SentEvent[];
  paidDays(accountId: string): Promise<number>;
  /** The same database opened once more, as by another office or after a restart. */
  again(): Promise<Pick<Shop, "store" | "accounts" | "vouchers" | "payments" | "clock" | "shop">>;
  close(): Promise<void>;
}

/** Certificates out of the simulator, as if from PayPal's host and its authority's. */
export const certificatesOf = (paypal: PayPalSimulator): CertificateSource => ({
  roots: [paypal.authority.root],
  fetch: (address) => fetch(`${paypal.url}${new URL(String(address)).pathname}`),
});

export async function openShop(
  kind: StoreKind = "sqlite",
  options: { rememberPayers?: boolean } = {},
): Promise<Shop> {
  // Ahead of the certificates that are made next.
  const clock = new FakeClock(Date.now() + 60_000);
  const paypal = await startPayPal({ automatic: false, now: () => clock.now() });
  const { store, openAgain } = await openTestStore(kind);
  const siteSecret = randomBytes(32);
  const paymentKey = randomBytes(32);
  const billingOf = (store: Store) => {
    const accounts = new Accounts({ store, clock, siteSecret });
    const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
    const payments = new Payments({ store, clock, accounts, vouchers, paymentKey, ...options });
    return { store, accounts, vouchers, payments };
  };
  const { accounts, vouchers, payments } = billingOf(store);
  const seal = new OrderSeal(paymentKey);
  const logged: string[] = [];
  const newClient = () =>
    new PayPalClient({ base: paypal.url, clientId: paypal.clientId, secret: paypal.secret, clock });
  const client = newClient();
  const shop: PayPalShop = {
    client,
    payments,
    accounts,
    seal,
    clock,
    store,
    siteName: "Example Collective",
    merchant: paypal.clientId,
    payees: new Payees(store, paypal.clientId),
    log: (code: EventCode, fields?: { reason?: Reason }) => logged.push(`${code} ${fields?.reason}`),
  };
  const oneOff = new PayPalOneOff(shop);
  const subscriptions = new PayPalSubscriptions(shop);
  const certificates = new WebhookCertificates({ world: "live", clock, source: certificatesOf(paypal) });
  const webhook = paypalWebhook({ shop, webhookId: paypal.webhookId, certificates });

  const others: Store[] = [];
  const self: Shop = {
    paypal,
    clock,
    store,
    accounts,
    vouchers,
    payments,
    seal,
    shop,
    oneOff,
    subscriptions,
    webhook,
    logged,
    async member(name) {
      const made = await accounts.signUp({ name, password: "correct horse battery" });
      if (!made.ok) throw new Error(made.error);
      return made.value.id;
    },
    order: (input = {}) =>
      seal.seal({
        kind: input.accountId === undefined ? "voucher" : "account",
        plan: "30days",
        days: 30,
        price: PRICE,
        madeAt: Math.floor(clock.now() / 1000),
        ...input,
      }),
    async approved(input = {}, kind = "once") {
      const { order, text } = self.order(input);
      const provider = kind === "once" ? oneOff : subscriptions;
      const begun = await provider.begin(order, text, URLS);
      if (!begun.ok) throw new Error(begun.error);
      paypal.approve(begun.value.reference);
      return begun.value.reference;
    },
    deliver(event, spoiled) {
      const { headers, body } = paypal.events.signed(event, spoiled);
      return webhook({ header: (name) => headers[name], body: Buffer.from(body) });
    },
    events: (type) => paypal.events.made.filter((event) => event.type === type),
    async paidDays(accountId) {
      const found = await accounts.stampOf(accountId);
      const paidUntil = found?.account.paidUntil ?? 0;
      return Math.max(0, Math.round((paidUntil - clock.now() / 1000) / 86_400));
    },
    async again() {
      const other = billingOf(await openAgain());
      others.push(other.store);
      return { ...other, clock, shop: { ...shop, ...other, client: newClient() } };
    },
    async close() {
      await paypal.close();
      for (const each of [store, ...others]) await each.close();
    },
  };
  return self;
}
