import { BtcpayClient } from "../billing/btcpay/client.ts";
import { Btcpay } from "../billing/btcpay/provider.ts";
import type { Payments } from "../billing/payments.ts";
import type { OrderSeal } from "../billing/sealed-order.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { Config } from "./config.ts";

/** BTCPay Server as lethe.toml says; undefined where it is not offered. `files`: what its *_file settings name. */
export function btcpayOf(
  { btcpay: { address, store, bitcoin, monero } }: Pick<Config, "btcpay">,
  files: Readonly<Record<string, string>>,
  parts: { payments: Payments; seal: OrderSeal; clock: Clock; log: Log },
): Btcpay | undefined {
  const apiKey = files["btcpay.api_key_file"];
  const webhookSecret = files["btcpay.webhook_secret_file"];
  if (address === "" || apiKey === undefined || webhookSecret === undefined) return undefined;
  return new Btcpay({
    ...parts,
    client: new BtcpayClient({ address, store, apiKey }),
    webhookSecret,
    coins: { bitcoin, monero },
  });
}
