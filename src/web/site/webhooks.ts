import type { Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { networkOf } from "../../accounts/login-throttle.ts";
import type { Webhook, WebhookAnswer } from "../../billing/providers.ts";
import { StoreError, toStoreError } from "../../store/errors.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** PayPal's and BTCPay's have a few kilobytes. */
const WEBHOOK_BYTES_MOST = 256 * 1024;

const STATUS: Record<WebhookAnswer, 200 | 400 | 503> = { done: 200, refused: 400, later: 503 };

/**
 * Where payment providers report what happened. They send no cookie and no form's token, and sign the bytes as they are: these
 * routes stand before everything that reads a body, and hand it on untouched. The answer has a status and no text: what was
 * wrong with a forged one is nobody's business.
 */
export function addWebhooks(app: Hono<SiteEnv>, web: Web): void {
  const limit = bodyLimit({ maxSize: WEBHOOK_BYTES_MOST, onError: (c) => c.body(null, 413) });
  const hand = async (c: Context<SiteEnv>, webhook: Webhook): Promise<Response> => {
    const body = new Uint8Array(await c.req.arrayBuffer());
    const from = networkOf(web.clientAddress(c));
    const answer = await webhook({ header: (name) => c.req.header(name), body, from }).catch(
      (error: unknown): WebhookAnswer => {
        // Nothing was committed: delivered again, it counts then. What it says is said nowhere.
        web.log(toStoreError(error) instanceof StoreError ? "store-unwritable" : "internal-error", {
          part: "site",
        });
        return "later";
      },
    );
    return c.body(null, STATUS[answer]);
  };
  for (const [name, webhook] of Object.entries(web.buying?.webhooks ?? {}))
    if (webhook !== undefined) app.post(`/webhooks/${name}`, limit, (c) => hand(c, webhook));
}
