import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  deletedAfter,
  give,
  keepsOthersOut,
  type PaidTime,
  type Span,
  takeOut,
  unpaidDeletedAfter,
} from "./expiry.ts";

const DAY_S = 86_400;
const NOW = 1_900_000_020; // a whole minute

const NEVER_PAID: PaidTime = { untilS: undefined, shiftS: 0, taken: [] };

test("days are added to the end of the paid time, or to now where it is over", () => {
  const from = (nowS: number, untilS: number | undefined, days: number) =>
    give({ ...NEVER_PAID, untilS }, nowS, days * DAY_S).time.untilS!;
  assert.equal(from(NOW, undefined, 30), NOW + 30 * DAY_S);
  assert.equal(from(NOW, NOW - 60, 30), NOW + 30 * DAY_S);
  assert.equal(from(NOW, NOW + 600, 30), NOW + 600 + 30 * DAY_S);
  assert.equal(from(NOW + 1, undefined, 1) % 60, 0, "whole minutes");
  assert.equal(from(NOW + 1, undefined, 1), NOW + 60 + DAY_S, "rounded up");
});

test("a chargeback takes what is still to come of what it paid for, and nothing else", () => {
  const first = give(NEVER_PAID, NOW, 30 * DAY_S);
  const alone = takeOut(first.time, NOW + 10 * DAY_S, first.span);
  assert.deepEqual([alone.time.untilS, alone.takenS], [NOW + 10 * DAY_S, 20 * DAY_S], "it ends now");
  const second = give(first.time, NOW, 30 * DAY_S);
  const left = takeOut(second.time, NOW + 10 * DAY_S, first.span).time.untilS;
  assert.equal(left, NOW + 40 * DAY_S, "the next month stays whole");
  const months = NOW + 90 * DAY_S;
  const third = give(second.time, months, 5 * DAY_S);
  assert.equal(takeOut(third.time, months, first.span).takenS, 0, "months later there is nothing to take");
  assert.equal(takeOut(first.time, first.span.untilS + 1, first.span).time.untilS, first.time.untilS);
});

test("of two chargebacks at different times the second takes nothing of a third payment", () => {
  const first = give(NEVER_PAID, NOW, 30 * DAY_S);
  const second = give(first.time, NOW, 30 * DAY_S);
  const third = give(second.time, NOW, 30 * DAY_S);
  const after = takeOut(third.time, NOW + 10 * DAY_S, first.span);
  assert.equal(after.takenS, 20 * DAY_S);
  // Five of the second payment's days are left by then, and the third's thirty.
  const later = takeOut(after.time, NOW + 35 * DAY_S, second.span);
  assert.equal(later.takenS, 5 * DAY_S);
  assert.equal(later.time.untilS, NOW + 65 * DAY_S);
});

test("what was used up before a pause is never taken out of what was paid for after it", () => {
  const first = give(NEVER_PAID, NOW, 10 * DAY_S);
  const second = give(first.time, NOW, 10 * DAY_S);
  const shorter = takeOut(second.time, NOW, first.span).time;
  const later = NOW + 11 * DAY_S;
  const third = give(shorter, later, 10 * DAY_S);
  assert.equal(takeOut(third.time, later + DAY_S, second.span).takenS, 0);
  assert.equal(takeOut(third.time, later + DAY_S, third.span).takenS, 9 * DAY_S);
});

test("rounded up to whole minutes, it is never earlier than now", () => {
  const odd = NOW + 12_345;
  const first = give(NEVER_PAID, odd, 30 * DAY_S);
  const taken = takeOut(first.time, odd + 77, first.span);
  assert.ok(taken.time.untilS! >= odd + 77 && taken.time.untilS! < odd + 77 + 60);
  assert.equal(taken.time.untilS! % 60, 0);
});

/** What an account has, told as plainly as it can be: a queue of what was paid for, eaten from the front. */
class Queue {
  readonly #parts: { of: number; leftS: number }[] = [];
  give(of: number, seconds: number): void {
    this.#parts.push({ of, leftS: seconds });
  }
  takeOut(of: number): number {
    const gone = this.#parts.filter((part) => part.of === of).reduce((sum, { leftS }) => sum + leftS, 0);
    for (const part of this.#parts) if (part.of === of) part.leftS = 0;
    return gone;
  }
  pass(seconds: number): void {
    for (const part of this.#parts) {
      const used = Math.min(seconds, part.leftS);
      part.leftS -= used;
      seconds -= used;
    }
  }
  get leftS(): number {
    return this.#parts.reduce((sum, { leftS }) => sum + leftS, 0);
  }
}

type Step =
  | { what: "pay"; minutes: number }
  | { what: "take"; pick: number }
  | { what: "again"; pick: number }
  | { what: "wait"; minutes: number }
  /** Until nothing is left, and some more. */
  | { what: "pause"; minutes: number };
const minutes = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 60_000 }));
const pick = fc.nat(11);
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("pay" as const), minutes }),
    fc.record({ what: fc.constant("take" as const), pick }),
    fc.record({ what: fc.constant("again" as const), pick }),
    fc.record({ what: fc.constant("wait" as const), minutes }),
    fc.record({ what: fc.constant("pause" as const), minutes: fc.nat(30) }),
  ),
  { maxLength: 40 },
);

test("whatever is paid, taken back and given again, and when: what is left is what is unused of the payments that stand", () => {
  fc.assert(
    fc.property(steps, (all: Step[]) => {
      let nowS = NOW;
      let time = NEVER_PAID;
      const queue = new Queue();
      const payments: { span: Span; takenS: number | undefined }[] = [];
      for (const step of all) {
        const payment = "pick" in step ? payments[step.pick % Math.max(1, payments.length)] : undefined;
        const of = payment === undefined ? -1 : payments.indexOf(payment);
        if (step.what === "wait" || step.what === "pause") {
          const seconds = step.minutes * 60 + (step.what === "pause" ? queue.leftS : 0);
          nowS += seconds;
          queue.pass(seconds);
        } else if (step.what === "pay") {
          const given = give(time, nowS, step.minutes * 60);
          time = given.time;
          queue.give(payments.push({ span: given.span, takenS: undefined }) - 1, step.minutes * 60);
        } else if (step.what === "take" && payment?.takenS === undefined && payment !== undefined) {
          const taken = takeOut(time, nowS, payment.span);
          time = taken.time;
          payment.takenS = taken.takenS;
          assert.equal(taken.takenS, queue.takeOut(of));
        } else if (step.what === "again" && payment?.takenS !== undefined) {
          if (payment.takenS > 0) {
            const given = give(time, nowS, payment.takenS);
            time = given.time;
            payment.span = given.span;
            queue.give(of, payment.takenS);
          }
          payment.takenS = undefined;
        }
        assert.equal(Math.max(0, (time.untilS ?? 0) - nowS), queue.leftS);
        assert.ok(time.shiftS >= time.taken.reduce((sum, each) => sum + each.untilS - each.fromS, 0));
      }
    }),
    { numRuns: 2000 },
  );
});

test("of chargebacks with no time between them the order does not matter", () => {
  fc.assert(
    fc.property(
      fc.array(minutes, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(5), { maxLength: 6 }),
      fc.nat(100_000),
      (paid, order, later) => {
        let time = NEVER_PAID;
        const spans = paid.map((each) => {
          const given = give(time, NOW, each * 60);
          time = given.time;
          return given.span;
        });
        const picked = [...new Set(order.map((each) => each % spans.length))];
        const after = (places: number[]) =>
          places.reduce((left, place) => takeOut(left, NOW + later * 60, spans[place]!).time, time);
        assert.deepEqual(after(picked), after(picked.toReversed()));
        assert.deepEqual(after(picked), after(picked.toSorted()));
      },
    ),
  );
});

test("accounts go 30 days after their paid time, and 31 days after the day of an unpaid sign-up", () => {
  assert.equal(deletedAfter(NOW), NOW + 30 * DAY_S);
  const midnight = Math.floor(NOW / DAY_S) * DAY_S;
  assert.equal(unpaidDeletedAfter(NOW), midnight + 31 * DAY_S);
  assert.equal(
    unpaidDeletedAfter(midnight),
    unpaidDeletedAfter(midnight + DAY_S - 1),
    "it does not tell the hour",
  );
});

test("a subscription keeps another one out until its payment is a day late", () => {
  assert.equal(keepsOthersOut(true, undefined, NOW), true);
  assert.equal(keepsOthersOut(true, NOW, NOW), true);
  assert.equal(keepsOthersOut(true, NOW - 86_400 + 1, NOW), true);
  assert.equal(keepsOthersOut(true, NOW - 86_400, NOW), false);
  assert.equal(keepsOthersOut(false, NOW + 60, NOW), false);
});
