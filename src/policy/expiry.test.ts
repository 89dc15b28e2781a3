import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterChargeback, deletedAfter, extend, unpaidDeletedAfter } from "./expiry.ts";

const DAY_S = 86_400;
const NOW = 1_900_000_020; // a whole minute

test("days are added to the end of the paid time, or to now where it is over", () => {
  assert.equal(extend(NOW, undefined, 30), NOW + 30 * DAY_S);
  assert.equal(extend(NOW, NOW - 5, 30), NOW + 30 * DAY_S);
  assert.equal(extend(NOW, NOW + 600, 30), NOW + 600 + 30 * DAY_S);
  assert.equal(extend(NOW + 1, undefined, 1) % 60, 0, "whole minutes");
  assert.equal(extend(NOW + 1, undefined, 1), NOW + 60 + DAY_S, "rounded up");
});

test("a chargeback takes what is still to come of what it paid for, and nothing else", () => {
  const [fromS, untilS] = [NOW, NOW + 30 * DAY_S];
  const taken = (paidUntil: number, nowS: number) => afterChargeback({ fromS, untilS, paidUntil, nowS });
  assert.equal(taken(untilS, NOW + 10 * DAY_S), NOW + 10 * DAY_S, "nothing else was paid: it ends now");
  assert.equal(taken(untilS + 30 * DAY_S, NOW + 10 * DAY_S), NOW + 40 * DAY_S, "the next month stays whole");
  const months = NOW + 90 * DAY_S;
  assert.equal(
    taken(months + 5 * DAY_S, months),
    months + 5 * DAY_S,
    "months later there is nothing to take",
  );
  assert.equal(taken(untilS, untilS + 1), untilS, "what is over stays as it was");
});

test("payments that are all taken back end the account now; those that were not keep their days", () => {
  const days = fc.integer({ min: 1, max: 400 });
  fc.assert(
    fc.property(
      fc.array(days, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.nat(500),
      (bought, pick, later) => {
        const nowS = NOW + later * DAY_S;
        const payments: { fromS: number; untilS: number }[] = [];
        let paidUntil = NOW;
        for (const each of bought) {
          payments.push({ fromS: paidUntil, untilS: paidUntil + each * DAY_S });
          paidUntil += each * DAY_S;
        }
        const one = payments[pick % payments.length]!;
        const left = (untilS: number, fromS: number) => Math.max(0, untilS - Math.max(fromS, nowS));
        const others = payments.filter((each) => each !== one);
        const after = afterChargeback({ ...one, paidUntil, nowS });
        const keeps = others.reduce((sum, { fromS, untilS }) => sum + left(untilS, fromS), 0);
        assert.equal(Math.max(0, after - nowS), keeps);

        let end = paidUntil;
        for (const each of payments) end = afterChargeback({ ...each, paidUntil: end, nowS });
        assert.ok(end <= Math.max(nowS, paidUntil) && Math.max(0, end - nowS) === 0);
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
