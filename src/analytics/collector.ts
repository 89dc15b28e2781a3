import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import { cutAddress } from "./cut-address.ts";

/** One page that a visitor looked at who has allowed it. */
export interface Visit {
  /** The random text out of the visitor's own cookie. */
  clientId: string;
  /** The visitor's address; it is cut before it goes anywhere. */
  address: string;
  /** The page's address, without a query. */
  location: string;
}

export interface CollectorSettings {
  /** `https://www.google-analytics.com`, without a slash at the end. */
  address: string;
  /** `G-…`: the measurement id of a web data stream. */
  measurementId: string;
  /** Its Measurement Protocol secret. */
  secret: string;
}

const TIMEOUT_MS = 5000;
/** Beyond that visits are not sent: no visitor waits for Google, and none is written down. */
const AT_ONCE_MOST = 50;
const HALF_HOUR_S = 1800;

/**
 * Sends visits to Google Analytics by the Measurement Protocol (GA4: POST /mp/collect; measurement id and secret stand in the
 * address since the protocol knows no other place for them). What goes: the page, a random text, and the visitor's network. Not
 * the browser, not the page before, not the whole address. Consent to advertising is denied in each message (`consent`).
 */
export class Collector {
  readonly #settings: CollectorSettings;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fetch: typeof fetch;
  #under = 0;

  constructor(options: { settings: CollectorSettings; clock: Clock; log: Log; fetch?: typeof fetch }) {
    this.#settings = options.settings;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#fetch = options.fetch ?? fetch;
  }

  /** Sends it, or lets it be; never rejects. */
  async visit({ clientId, address, location }: Visit): Promise<void> {
    const network = cutAddress(address);
    if (network === undefined || this.#under >= AT_ONCE_MOST) return;
    this.#under++;
    try {
      const url = new URL("/mp/collect", this.#settings.address);
      url.searchParams.set("measurement_id", this.#settings.measurementId);
      url.searchParams.set("api_secret", this.#settings.secret);
      const nowS = Math.floor(this.#clock.now() / 1000);
      const answer = await this.#fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        // fetch's own user agent names the program, not the visitor's.
        body: JSON.stringify({
          client_id: clientId,
          ip_override: network,
          consent: { ad_user_data: "DENIED", ad_personalization: "DENIED" },
          events: [
            {
              name: "page_view",
              params: {
                page_location: location,
                // A visit, to Google, is what happens in one half hour; nothing here remembers the page before.
                session_id: String(nowS - (nowS % HALF_HOUR_S)),
                engagement_time_msec: 1,
              },
            },
          ],
        }),
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await answer.body?.cancel();
      if (!answer.ok) this.#log("analytics-undelivered", { reason: "refused" });
    } catch {
      this.#log("analytics-undelivered", { reason: "unreachable" });
    } finally {
      this.#under--;
    }
  }
}
