import { createHmac } from "node:crypto";
import type { Transaction } from "kysely";
import { deriveKey } from "../lib/derive-key.ts";
import { seal, unseal } from "../lib/seal.ts";
import { goesAfter, LIFETIMES } from "../policy/lifetimes.ts";
import { PAYMENT_METHODS } from "../policy/methods.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import type { Tables } from "../store/tables.ts";
import type { ProviderName } from "./providers.ts";

/** The sealed text is padded to a multiple of this, so that its length says nothing of what was bought. */
const PAD_BYTES = 512;

/**
 * The rows of `payment_events`: found by a keyed hash of the payment's id and sealed under a key that follows from the office's
 * key and that id. Database and office key together open none; the provider's list of payments, in addition, opens all.
 */
export class PaymentEvents {
  readonly #hashKey: Uint8Array;
  readonly #sealKey: Uint8Array;

  constructor(paymentKey: Uint8Array) {
    this.#hashKey = deriveKey(paymentKey, "lethe payment event hash");
    this.#sealKey = deriveKey(paymentKey, "lethe payment event seal");
  }

  hash(provider: ProviderName, paymentId: string): string {
    return createHmac("sha256", this.#hashKey).update(`${provider}\0${paymentId}`).digest("hex");
  }

  /** What is known of a payment; undefined where it was never reported, or its lifetime is over. */
  async find(
    db: Pick<Transaction<Tables>, "selectFrom">,
    provider: ProviderName,
    paymentId: string,
  ): Promise<PaymentRecord | undefined> {
    const row = await db
      .selectFrom("payment_events")
      .select("sealed")
      .where("event_hash", "=", this.hash(provider, paymentId))
      .executeTakeFirst();
    return row && this.#open(provider, paymentId, row.sealed);
  }

  async addIn(
    trx: Transaction<Tables>,
    provider: ProviderName,
    paymentId: string,
    record: PaymentRecord,
    nowS: number,
  ): Promise<void> {
    await trx
      .insertInto("payment_events")
      .values({
        event_hash: this.hash(provider, paymentId),
        sealed: this.#seal(provider, paymentId, record),
        delete_after: goesAfter(nowS, LIFETIMES.paymentEvent.days),
      })
      .execute();
  }

  async rewriteIn(
    trx: Transaction<Tables>,
    provider: ProviderName,
    paymentId: string,
    record: PaymentRecord,
  ): Promise<void> {
    await trx
      .updateTable("payment_events")
      .set({ sealed: this.#seal(provider, paymentId, record) })
      .where("event_hash", "=", this.hash(provider, paymentId))
      .execute();
  }

  #seal(provider: ProviderName, paymentId: string, record: PaymentRecord): string {
    const text = JSON.stringify(record);
    const padded = text.padEnd(Math.ceil((text.length + 1) / PAD_BYTES) * PAD_BYTES);
    return seal(this.#keyOf(provider, paymentId), padded).toString("base64");
  }

  /** Throws where the row is not as we wrote it: a damaged database, which nobody should go on with. */
  #open(provider: ProviderName, paymentId: string, sealed: string): PaymentRecord {
    const text = unseal(this.#keyOf(provider, paymentId), Buffer.from(sealed, "base64")).toString();
    const record = JSON.parse(text) as PaymentRecord;
    if (!PAYMENT_METHODS.includes(record.method)) throw new Error("a payment of an unknown method");
    return record;
  }

  #keyOf(provider: ProviderName, paymentId: string): Uint8Array {
    return deriveKey(this.#sealKey, "one payment", `${provider}\0${paymentId}`);
  }
}
