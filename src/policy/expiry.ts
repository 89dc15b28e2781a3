import { LIFETIMES } from "./lifetimes.ts";

/** What happens to an account's paid time. Times are UTC seconds. */

const DAY_S = 86_400;
const MINUTE_S = 60;

export interface Span {
  fromS: number;
  untilS: number;
}

/**
 * An account's paid time: when it ends, and what was taken out of it again. Each payment owns a span, on a scale that nothing ever
 * moves: that of the end which there would be if nothing had been taken out. What is taken out brings the real end forward, and
 * leaves every other payment's span where it is.
 */
export interface PaidTime {
  /** Its end; undefined: never paid. */
  untilS: number | undefined;
  /** How much later it would end if nothing had been taken out, seconds. */
  shiftS: number;
  /** What was taken out and has not passed yet, on that scale: ascending, apart from each other. */
  taken: readonly Span[];
}

const upToMinute = (seconds: number): number => Math.ceil(seconds / MINUTE_S) * MINUTE_S;

/**
 * Adds paid time, from its end or from now. The end is a whole minute, rounded up: the roster's unit, and one trace less of when
 * exactly somebody paid. `span`: what was given, for `takeOut`.
 */
export function give(time: PaidTime, nowS: number, seconds: number): { time: PaidTime; span: Span } {
  const { untilS = 0, shiftS, taken } = time;
  const fromS = Math.max(untilS, nowS);
  const newUntilS = upToMinute(fromS + seconds);
  const over = untilS <= nowS;
  // After a pause the scale need only go on where it had ended: no two spans may be of one place.
  const newShiftS = over ? Math.max(0, upToMinute(untilS + shiftS - nowS)) : shiftS;
  return {
    time: { untilS: newUntilS, shiftS: newShiftS, taken: over ? [] : taken },
    span: { fromS: fromS + newShiftS, untilS: newUntilS + newShiftS },
  };
}

/**
 * Takes what was given as `span` out again, where it is not used yet: a payment was given back, or the buyer's bank took it. What
 * others paid for stays, moves forward, and can be taken out later. The paid time never ends before now.
 */
export function takeOut(time: PaidTime, nowS: number, span: Span): { time: PaidTime; takenS: number } {
  const { untilS, shiftS, taken } = time;
  if (untilS === undefined || untilS <= nowS) return { time, takenS: 0 };
  const atS = placeOf({ untilS, shiftS, taken }, nowS);
  const wanted = {
    fromS: upToMinute(Math.max(span.fromS, atS)),
    untilS: Math.min(span.untilS, untilS + shiftS),
  };
  const overlapS = taken.reduce((sum, each) => sum + lengthOf(common(each, wanted)), 0);
  const takenS = lengthOf(wanted) - overlapS;
  if (takenS === 0) return { time, takenS };
  const after = { untilS: untilS - takenS, shiftS: shiftS + takenS, taken: joined([...taken, wanted]) };
  const newAtS = placeOf(after, nowS);
  return { time: { ...after, taken: after.taken.filter((each) => each.untilS > newAtS) }, takenS };
}

/** Where on the scale the account is now: as far from the end as there is paid time left, what was taken out not counted. */
function placeOf({ untilS, shiftS, taken }: PaidTime & { untilS: number }, nowS: number): number {
  let leftS = untilS - nowS;
  let atS = untilS + shiftS;
  for (const each of taken.toReversed()) {
    const betweenS = atS - each.untilS;
    if (leftS <= betweenS) break;
    leftS -= betweenS;
    atS = each.fromS;
  }
  return atS - leftS;
}

const lengthOf = ({ fromS, untilS }: Span): number => Math.max(0, untilS - fromS);
const common = (one: Span, other: Span): Span => ({
  fromS: Math.max(one.fromS, other.fromS),
  untilS: Math.min(one.untilS, other.untilS),
});

function joined(spans: Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.fromS - b.fromS)) {
    const last = result.at(-1);
    if (last !== undefined && span.fromS <= last.untilS) last.untilS = Math.max(last.untilS, span.untilS);
    else result.push({ ...span });
  }
  return result;
}

/** So long PayPal's next payment of a running subscription may take to arrive before access ends. */
export const RENEWAL_DAYS = 1;

/**
 * When access ends. PayPal charges a subscription some hours around the day on which the paid time ends, and says so later still:
 * whoever has one that runs stays online meanwhile. The paid time itself is as it was paid for.
 */
export const accessUntil = (paidUntil: number, renews: boolean): number =>
  renews ? paidUntil + RENEWAL_DAYS * DAY_S : paidUntil;

/**
 * Whether the subscription that is noted for an account keeps another one out. Not where its payment is overdue: PayPal's word that it
 * ended may never have come. If it charges after all, that goes back and it is cancelled. `paidUntil` undefined: its first payment is awaited.
 */
export const keepsOthersOut = (renews: boolean, paidUntil: number | undefined, nowS: number): boolean =>
  renews && (paidUntil === undefined || accessUntil(paidUntil, true) > nowS);

/** When an account is deleted by itself whose paid time ends (or ended) then. */
export const deletedAfter = (paidUntil: number): number => paidUntil + LIFETIMES.unpaidAccount.days * DAY_S;

/** The same of one that was never paid, or was ended by the operator: in whole days, so that it does not tell the hour. */
export const unpaidDeletedAfter = (nowS: number): number =>
  (Math.floor(nowS / DAY_S) + LIFETIMES.unpaidAccount.days + 1) * DAY_S;
