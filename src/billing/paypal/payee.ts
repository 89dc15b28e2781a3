import { createHash } from "node:crypto";
import type { Store } from "../../store/open.ts";
import { readFact, writeFact } from "../../store/site.ts";

/** Who gets an order's money, as PayPal says ("Orders v2", purchase_units[].payee). */
export interface Payee {
  merchant_id?: string | undefined;
}

/**
 * Whose PayPal account is paid. An order with a payee of its own choice can be made in any browser that knows the app's public id,
 * and with one of our sealed orders in it: such a one is paid, and not to us. Ours is learned of the orders that the office makes.
 */
export class Payees {
  readonly #store: Store;
  readonly #tag: string;

  /** `merchant`: tells one app, and one of PayPal's worlds, from another. */
  constructor(store: Store, merchant: string) {
    this.#store = store;
    this.#tag = createHash("sha256").update(merchant).digest("hex").slice(0, 12);
  }

  /** Takes it out of PayPal's answer to an order that the office has made. */
  async learn(payee: Payee | undefined): Promise<void> {
    const id = payee?.merchant_id;
    if (id === undefined || (await this.#known()) === id) return;
    await writeFact(this.#store, "paypal-payee", `${this.#tag} ${id}`);
  }

  /** False where PayPal names another than ours. */
  async isOurs(payee: Payee | undefined): Promise<boolean> {
    const known = payee === undefined ? undefined : await this.#known();
    return known === undefined || payee?.merchant_id === known;
  }

  async #known(): Promise<string | undefined> {
    const [tag, id] = (await readFact(this.#store, "paypal-payee"))?.split(" ") ?? [];
    return tag === this.#tag ? id : undefined;
  }
}
