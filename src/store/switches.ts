import { PAYMENT_METHODS, type PaymentMethod } from "../policy/methods.ts";
import type { Store } from "./open.ts";
import { type SiteFact, writeFact } from "./site.ts";

/** What an operator can switch off and on again while the service runs: new accounts, buying as a whole, and each way to pay. */
export const SWITCHES: readonly Switch[] = ["sign-up", "buying", ...PAYMENT_METHODS];
export type Switch = "sign-up" | "buying" | PaymentMethod;

const factOf = (name: Switch): SiteFact => `switch:${name}`;

/** The switches stand in the store: all offices of a service have them alike, and they survive a restart. */
export class Switches {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What is off; everything else is on. Asked anew each time: another office may have changed it. */
  async off(): Promise<ReadonlySet<Switch>> {
    const rows = await this.#store.db
      .selectFrom("site")
      .select("name")
      .where("name", "in", SWITCHES.map(factOf))
      .where("value", "=", "off")
      .execute();
    const names = new Set(rows.map(({ name }) => name));
    return new Set(SWITCHES.filter((each) => names.has(factOf(each))));
  }

  async isOn(name: Switch): Promise<boolean> {
    return !(await this.off()).has(name);
  }

  async set(name: Switch, on: boolean): Promise<void> {
    await writeFact(this.#store, factOf(name), on ? undefined : "off");
  }
}
