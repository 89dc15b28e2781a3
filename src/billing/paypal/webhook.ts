import { verify } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Clock } from "../../lib/clock.ts";
import { fail, ok, type Result } from "../../lib/result.ts";
import type { WebhookRequest } from "../providers.ts";
import type { WebhookCertificates } from "./certificates.ts";
import { event, type PayPalEvent } from "./shapes.ts";

/**
 * `signature`: PayPal has not signed this. `outdated`: it has, too long ago (or ahead of our clock). `malformed`: no event.
 * `unavailable`: it cannot be told now; PayPal sends it again.
 */
export type WebhookProblem = "signature" | "outdated" | "malformed" | "unavailable";

/** PayPal tries to deliver an event for three days ("Webhooks", up to 25 times over 3 days); a day more for clocks and resent ones. */
const OLDEST_S = 4 * 86_400;
const AHEAD_MOST_S = 15 * 60;
const RSA_BITS_LEAST = 2048;

/**
 * The event in a webhook's request, once its signature holds ("Integrate webhooks", self verification):
 *
 *     PAYPAL-TRANSMISSION-ID | PAYPAL-TRANSMISSION-TIME | webhook id | CRC-32 of the body as it came, decimal
 *
 * signed with RSA and SHA-256 (PKCS #1 v1.5), the signature base64 in PAYPAL-TRANSMISSION-SIG, the certificate at
 * PAYPAL-CERT-URL. A CRC-32 binds the body loosely: a stranger has no signed line to bend a body to, but whoever can read what
 * PayPal has sent us could; that is why what pays is believed of PayPal's own answers (events.ts), and not of the event.
 */
export async function readWebhook(
  request: WebhookRequest,
  options: { webhookId: string; certificates: Pick<WebhookCertificates, "keyAt">; clock: Clock },
): Promise<Result<PayPalEvent, WebhookProblem>> {
  const id = request.header("paypal-transmission-id") ?? "";
  const time = request.header("paypal-transmission-time") ?? "";
  const signature = request.header("paypal-transmission-sig") ?? "";
  if (request.header("paypal-auth-algo") !== "SHA256withRSA") return fail("signature");
  // No field may hold what separates them, or two lines could read the same.
  if (!/^[\w-]{1,64}$/.test(id) || !/^[\dTZ:.+-]{1,40}$/.test(time)) return fail("signature");
  const signed = Buffer.from(signature, "base64");
  if (signature.length > 2048 || signed.toString("base64") !== signature) return fail("signature");
  const ageS = (options.clock.now() - Date.parse(time)) / 1000;
  // Not a number where it is no time.
  if (!(ageS <= OLDEST_S && ageS >= -AHEAD_MOST_S)) return fail("outdated");

  const key = await options.certificates.keyAt(request.header("paypal-cert-url") ?? "", request.from);
  if (!key.ok) return fail(key.error === "unavailable" ? "unavailable" : "signature");
  const { asymmetricKeyType, asymmetricKeyDetails } = key.value;
  if (asymmetricKeyType !== "rsa" || (asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_LEAST)
    return fail("signature");
  const line = Buffer.from(`${id}|${time}|${options.webhookId}|${crc32(request.body)}`);
  if (!verify("sha256", line, key.value, signed)) return fail("signature");

  try {
    const parsed = event.safeParse(JSON.parse(Buffer.from(request.body).toString("utf8")));
    return parsed.success ? ok(parsed.data) : fail("malformed");
  } catch {
    return fail("malformed");
  }
}
