import type { Accounts } from "../accounts/accounts.ts";
import type { Payments } from "../billing/payments.ts";
import { type CertificateSource, WebhookCertificates } from "../billing/paypal/certificates.ts";
import { checkPayPal, type PayPalCheck } from "../billing/paypal/check.ts";
import { PayPalClient } from "../billing/paypal/client.ts";
import { paypalWebhook } from "../billing/paypal/events.ts";
import { Payees } from "../billing/paypal/payee.ts";
import { PayPalOneOff, PayPalSubscriptions } from "../billing/paypal/providers.ts";
import { paypalRefunds } from "../billing/paypal/refunds.ts";
import type { PaymentProvider, Webhook } from "../billing/providers.ts";
import type { RefundProvider } from "../billing/refunds.ts";
import type { OrderSeal } from "../billing/sealed-order.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { Store } from "../store/open.ts";
import type { Config } from "./config.ts";
import { siteOrigin } from "./site-address.ts";

export interface PayPalOffice {
  /** Once, and as a subscription. */
  providers: PaymentProvider[];
  webhook: Webhook;
  refunds: RefundProvider;
  /** Asks PayPal whether it takes these settings. */
  check(): Promise<PayPalCheck>;
}

/** PayPal's world by the address of its interface: a sandbox's events, which anybody can have signed, count for nothing outside it. */
const SANDBOX = "api-m.sandbox.paypal.com";

/**
 * PayPal as lethe.toml says; undefined where it is not offered. `source`: where webhooks' certificates come from, and the roots they
 * must lead to, for a demo that has a PayPal of its own; no setting leads there.
 */
export function paypalOf(
  config: Pick<Config, "paypal" | "site" | "tls">,
  secret: string | undefined,
  parts: {
    store: Store;
    accounts: Accounts;
    payments: Payments;
    seal: OrderSeal;
    clock: Clock;
    log: Log;
    source?: CertificateSource | undefined;
  },
): PayPalOffice | undefined {
  const { client_id: clientId, webhook_id: webhookId, api: base } = config.paypal;
  if (clientId === "" || secret === undefined) return undefined;
  const { clock, log, source, ...rest } = parts;
  const client = new PayPalClient({ base, clientId, secret, clock });
  const merchant = `${base} ${clientId}`;
  const payees = new Payees(rest.store, merchant);
  const shop = { ...rest, clock, log, client, siteName: config.site.name, merchant, payees };
  const world = new URL(base).hostname === SANDBOX ? "sandbox" : "live";
  return {
    providers: [new PayPalOneOff(shop), new PayPalSubscriptions(shop)],
    webhook: paypalWebhook({
      shop,
      webhookId,
      certificates: new WebhookCertificates({ world, clock, source }),
    }),
    refunds: paypalRefunds(client, log),
    check: () => checkPayPal(client, webhookId, `${siteOrigin(config)}/webhooks/paypal`),
  };
}
