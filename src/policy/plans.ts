import { MINOR_MOST, type Money, parsePrice, payable } from "./money.ts";

/** What can be bought: so many days of access for a price. The operator's choice, `[[plans]]` in lethe.toml. */
export interface Plan {
  /** Short, in addresses and receipts: `30days`. */
  id: string;
  /** What the buyer reads. */
  title: string;
  days: number;
  price: Money;
}

/** What a service sells whose operator has chosen nothing. */
export const DEFAULT_PLANS: readonly Plan[] = [
  { id: "30days", title: "One month", days: 30, price: { minor: 500, currency: "EUR" } },
  { id: "180days", title: "Six months", days: 180, price: { minor: 2700, currency: "EUR" } },
  { id: "365days", title: "One year", days: 365, price: { minor: 4800, currency: "EUR" } },
];

export const PLAN_ID = /^[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?$/;
export const PLAN_DAYS_MOST = 3660;
/** A longer plan is sold once and not as a subscription: PayPal takes periods of at most a year (Subscriptions v1, `frequency`). */
export const SUBSCRIPTION_DAYS_MOST = 365;

/** The plan of that id; undefined where it is not, or no longer, sold. */
export const planOf = (plans: readonly Plan[], id: string): Plan | undefined =>
  plans.find((plan) => plan.id === id);

/** `30 days`, `1 day`. */
export const daysText = (days: number): string => (days === 1 ? "1 day" : `${days} days`);

/** What a plan saves against the dearest days on sale in its currency, in whole percent, rounded down. */
export function savingPercent(plan: Plan, plans: readonly Plan[]): number {
  const same = plans.filter(({ price }) => price.currency === plan.price.currency && price.minor > 0);
  const dearest = Math.max(0, ...same.map(({ price, days }) => price.minor / days));
  return dearest === 0 ? 0 : Math.floor((1 - plan.price.minor / plan.days / dearest) * 100 + 1e-9);
}

/** A price as the operator writes it, `5.00 EUR`: above nothing, at most `MINOR_MOST`, and an amount that can be paid. */
export function acceptPrice(text: string): Money | undefined {
  const price = parsePrice(text);
  return price !== undefined && price.minor > 0 && price.minor <= MINOR_MOST && payable(price)
    ? price
    : undefined;
}
