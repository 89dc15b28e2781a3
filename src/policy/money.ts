/**
 * Amounts of money, exactly: whole minor units (cents) of one currency, never a float. Providers speak of them as decimal text.
 */
export interface Money {
  /** Whole minor units, 0 and up: 499 is 4.99 EUR. */
  minor: number;
  /** ISO 4217, three capitals; one of `CURRENCIES`. */
  currency: string;
}

/** Digits after the point of each currency that prices may be in (ISO 4217, "minor unit"). */
const EXPONENTS: Readonly<Record<string, number>> = {
  AUD: 2,
  BRL: 2,
  CAD: 2,
  CHF: 2,
  CNY: 2,
  CZK: 2,
  DKK: 2,
  EUR: 2,
  GBP: 2,
  HKD: 2,
  HUF: 2,
  ILS: 2,
  JPY: 0,
  MXN: 2,
  MYR: 2,
  NOK: 2,
  NZD: 2,
  PHP: 2,
  PLN: 2,
  SEK: 2,
  SGD: 2,
  THB: 2,
  TWD: 2,
  USD: 2,
};

/**
 * Amounts of these are whole, although ISO 4217 gives them two digits: nobody can pay the rest of one, and PayPal refuses the
 * point ("Currency codes" in its REST reference).
 */
const WHOLE: ReadonlySet<string> = new Set(["HUF", "TWD"]);

/** The smallest amount of a currency that can be paid, in minor units. */
const stepOf = (currency: string): number => (WHOLE.has(currency) ? 100 : 1);

/** Those that PayPal settles ("Currency codes" in its REST reference). */
export const CURRENCIES: readonly string[] = Object.keys(EXPONENTS);

/** Beyond this a price is a slip of the keyboard: ten million of the currency's smallest units. */
export const MINOR_MOST = 10_000_000;

/** Undefined where prices cannot be in that currency. */
export function exponentOf(currency: string): number | undefined {
  return Object.hasOwn(EXPONENTS, currency) ? EXPONENTS[currency] : undefined;
}

/**
 * An amount out of decimal text such as `4.99`, `5` or `5.00`, as PayPal and BTCPay send it. Undefined where it is no such text,
 * is finer than the currency's minor unit (`4.999`; zeros there do no harm), or is too large to be exact.
 */
export function parseMoney(decimal: string, currency: string): Money | undefined {
  const exponent = exponentOf(currency);
  const [, whole, fraction = ""] = /^(\d{1,12})(?:\.(\d{1,12}))?$/.exec(decimal) ?? [];
  if (exponent === undefined || whole === undefined) return undefined;
  if (/[^0]/.test(fraction.slice(exponent))) return undefined;
  const minor = Number(whole + fraction.slice(0, exponent).padEnd(exponent, "0"));
  return Number.isSafeInteger(minor) ? { minor, currency } : undefined;
}

/** `5.00 EUR`, as prices stand in lethe.toml. */
export function parsePrice(text: string): Money | undefined {
  const [decimal = "", currency = "", ...rest] = text.trim().split(/ +/);
  return rest.length === 0 ? parseMoney(decimal, currency) : undefined;
}

/** The decimal text that providers take: `4.99`, `5.00`, and `500` where the currency is paid in whole units. */
export function decimalOf({ minor, currency }: Money): string {
  const exponent = exponentOf(currency) ?? 0;
  const digits = String(minor).padStart(exponent + 1, "0");
  if (WHOLE.has(currency) && minor % 100 === 0) return String(minor / 100);
  return exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** As it stands in lethe.toml and in lists: `4.99 EUR`. */
export const priceText = (money: Money): string => `${decimalOf(money)} ${money.currency}`;

/** For people, in their language: `€4.99`. `language`: BCP 47. */
export function formatMoney(money: Money, language = "en"): string {
  const digits = decimalOf(money).split(".")[1]?.length ?? 0;
  // The text, not a number: Intl reads it exactly (ECMA-402, "Intl mathematical value").
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency: money.currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(decimalOf(money) as `${number}`);
}

/** Whether so much can be paid at all: no fraction of a forint. */
export const payable = ({ minor, currency }: Money): boolean => minor % stepOf(currency) === 0;

/** What is left to pay with so many percent off; the fraction of what can be paid is the buyer's. */
export function percentOff({ minor, currency }: Money, percent: number): Money {
  if (!Number.isInteger(percent) || percent < 0 || percent > 100)
    throw new RangeError("percent: a whole number from 0 to 100");
  const step = stepOf(currency);
  return { minor: Math.floor((minor * (100 - percent)) / 100 / step) * step, currency };
}
