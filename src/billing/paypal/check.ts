import type { PayPalClient } from "./client.ts";
import { PAYPAL_EVENTS } from "./events.ts";

/** Whether PayPal takes what lethe.toml says. `events`: those that it does not send us. */
export type PayPalCheck =
  | { state: "good" }
  | { state: "unavailable" | "credentials" | "webhook-unknown" }
  | { state: "webhook-elsewhere"; wanted: string }
  | { state: "events-missing"; events: string[] };

/** Asks PayPal about the app and its webhook. `wanted`: the address that the webhook should have. */
export async function checkPayPal(
  client: PayPalClient,
  webhookId: string,
  wanted: string,
): Promise<PayPalCheck> {
  const found = await client.webhook(webhookId);
  if (!found.ok) {
    if (found.error === "credentials") return { state: "credentials" };
    return { state: found.error === "unavailable" ? "unavailable" : "webhook-unknown" };
  }
  if (found.value.url !== wanted) return { state: "webhook-elsewhere", wanted };
  const sent = new Set(found.value.event_types.map(({ name }) => name));
  const events = sent.has("*") ? [] : PAYPAL_EVENTS.filter((name) => !sent.has(name));
  return events.length === 0 ? { state: "good" } : { state: "events-missing", events };
}
