import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/**
 * What BTCPay Server tells a webhook (Greenfield API, "Webhooks"). The header is
 * `BTCPay-Sig: sha256=HMAC256(UTF8(webhook's secret), body)`, in lower-case hex over the body's very bytes, as at GitHub.
 * The body itself is believed in nothing but whose invoice has news: what the news is, the server is asked.
 */
const EVENT = z.object({
  storeId: z.string().min(1).max(100),
  invoiceId: z.string().regex(/^[A-Za-z0-9]{1,100}$/),
});

/** Whether whoever has the webhook's secret sent these bytes. Takes the same time wherever a wrong signature differs. */
export function signedByBtcpay(secret: string, body: Uint8Array, header: string | undefined): boolean {
  const [, hex] = /^sha256=([0-9a-f]{64})$/i.exec(header ?? "") ?? [];
  const right = createHmac("sha256", Buffer.from(secret, "utf8")).update(body).digest();
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, "hex"), right);
}

/**
 * The invoice that an event is about, where it is one of `store`'s; undefined for the webhook's other events (a test delivery,
 * payouts, payment requests) and for what is no event. To be called when the signature held.
 */
export function invoiceOf(body: Uint8Array, store: string): string | undefined {
  let event: unknown;
  try {
    event = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
  const read = EVENT.safeParse(event);
  return read.success && read.data.storeId === store ? read.data.invoiceId : undefined;
}
