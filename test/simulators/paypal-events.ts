import { randomUUID, sign } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Leaf } from "./paypal-certificates.ts";
import { newId, type SentEvent } from "./paypal-state.ts";

/** What may be done to a delivery that PayPal would not do. */
export interface Spoiled {
  body?: string;
  /** In place of the real header's value; undefined: left out. */
  headers?: Record<string, string | undefined>;
  webhookId?: string;
  /** Signed so long ago, milliseconds. */
  ageMs?: number;
  leaf?: Leaf;
}

/** After how long PayPal would try again is hours; here it is so many milliseconds. */
const RETRY_MS = [200, 500, 1_000, 2_000, 4_000];

/** Events, their signatures ("Integrate webhooks") and their delivery. */
export class Events {
  /** All that were made, oldest first. */
  readonly made: SentEvent[] = [];
  /** Where they go; undefined: nowhere by itself. */
  url: string | undefined;
  /** False: they wait in `made` for somebody to deliver them. */
  automatic = true;
  /** What the webhook is subscribed to, as PayPal tells; all is sent all the same. */
  subscribed: string[] = ["*"];
  readonly webhookId: string;
  readonly #certUrl: string;
  readonly #now: () => number;
  #leaf: Leaf;
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(options: { webhookId: string; certUrl: string; leaf: Leaf; now: () => number }) {
    this.webhookId = options.webhookId;
    this.#certUrl = options.certUrl;
    this.#leaf = options.leaf;
    this.#now = options.now;
  }

  useLeaf(leaf: Leaf): void {
    this.#leaf = leaf;
  }

  /**
   * An event as "Show event notification details" has it (docs/api/webhooks/v1/#webhooks-events_get); its type is one of "Webhook event
   * names" (api/rest/webhooks/event-names), and where an event is made stands when PayPal says that it is.
   */
  make(type: string, resourceType: string, resource: object): SentEvent {
    const id = `WH-${newId("", 17)}-${newId("", 17)}`;
    const create_time = new Date(this.#now()).toISOString();
    const event = {
      id,
      event_version: "1.0",
      create_time,
      resource_type: resourceType,
      event_type: type,
      resource,
    };
    const sent = { id, type, body: JSON.stringify(event) };
    this.made.push(sent);
    if (this.automatic && this.url !== undefined) this.#track(this.#deliverUntilTaken(sent));
    return sent;
  }

  /** The headers and body of one delivery, signed as "Integrate webhooks" says under "Verify" (api/rest/webhooks/rest): id|time|webhook|CRC-32. */
  signed({ body }: SentEvent, spoiled: Spoiled = {}): { headers: Record<string, string>; body: string } {
    const transmissionId = randomUUID();
    const time = new Date(this.#now() - (spoiled.ageMs ?? 0)).toISOString().replace(/\.\d+Z$/, "Z");
    const line = `${transmissionId}|${time}|${spoiled.webhookId ?? this.webhookId}|${crc32(body)}`;
    const signature = sign("sha256", Buffer.from(line), (spoiled.leaf ?? this.#leaf).key).toString("base64");
    const headers: Record<string, string | undefined> = {
      "content-type": "application/json",
      "paypal-auth-algo": "SHA256withRSA",
      "paypal-auth-version": "v2",
      "paypal-cert-url": this.#certUrl,
      "paypal-transmission-id": transmissionId,
      "paypal-transmission-sig": signature,
      "paypal-transmission-time": time,
      ...spoiled.headers,
    };
    const given = Object.entries(headers).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return { headers: Object.fromEntries(given), body: spoiled.body ?? body };
  }

  /** Delivers it once; the status of the answer, or 0 where there was none. */
  async deliver(event: SentEvent, spoiled: Spoiled = {}): Promise<number> {
    if (this.url === undefined) throw new Error("the simulator has been given no webhook address");
    try {
      const answer = await fetch(this.url, { method: "POST", ...this.signed(event, spoiled) });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return 0;
    }
  }

  /** Once everything that was on its way has arrived, or was given up. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  close(): void {
    this.#closed = true;
  }

  async #deliverUntilTaken(event: SentEvent): Promise<void> {
    for (const ms of [0, ...RETRY_MS]) {
      if (ms > 0) await sleep(ms, undefined, { ref: false });
      if (this.#closed) return;
      const status = await this.deliver(event);
      if (status >= 200 && status <= 299) return;
    }
  }

  #track(delivery: Promise<void>): void {
    this.#running.add(delivery);
    void delivery.finally(() => this.#running.delete(delivery));
  }
}
