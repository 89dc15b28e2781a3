import { LIFETIMES } from "./lifetimes.ts";

/** What happens to an account's paid time. Times are UTC seconds. */

const DAY_S = 86_400;

/**
 * The paid time's end after so many more days, from its end or from now. Whole minutes, rounded up: the roster's unit, and one
 * trace less of when exactly somebody paid.
 */
export function extend(nowS: number, paidUntil: number | undefined, days: number): number {
  return Math.ceil((Math.max(paidUntil ?? 0, nowS) + days * DAY_S) / 60) * 60;
}

/**
 * The paid time's end after a payment was taken back that had paid for `fromS` to `untilS`: what of it is still to come goes, what
 * was paid by others stays. It never ends before now, and what is over stays as it was.
 */
export function afterChargeback(payment: {
  fromS: number;
  untilS: number;
  paidUntil: number;
  nowS: number;
}): number {
  const { fromS, untilS, paidUntil, nowS } = payment;
  if (paidUntil <= nowS) return paidUntil;
  const stillToCome = Math.max(0, untilS - Math.max(fromS, nowS));
  return Math.max(nowS, paidUntil - stillToCome);
}

/** When an account is deleted by itself whose paid time ends (or ended) then. */
export const deletedAfter = (paidUntil: number): number => paidUntil + LIFETIMES.unpaidAccount.days * DAY_S;

/** The same of one that was never paid, or was ended by the operator: in whole days, so that it does not tell the hour. */
export const unpaidDeletedAfter = (nowS: number): number =>
  (Math.floor(nowS / DAY_S) + LIFETIMES.unpaidAccount.days + 1) * DAY_S;
