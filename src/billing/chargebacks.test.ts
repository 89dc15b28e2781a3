import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../lib/clock.ts";
import { onEachStore, openTestStore } from "../store/testing.ts";
import { billingOn } from "./testing.ts";

const MINUTE_S = 60;
const DAY_S = 86_400;

onEachStore("two chargebacks at different times take nothing of a third payment", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  const { accounts, clock, member, order, pay, paidUntil, payments, nowS } = billingOn(store);
  const id = await member("alice");
  const began = nowS();
  for (const paymentId of ["ONE", "TWO", "THREE"]) assert.ok((await pay(order(id), paymentId)).ok);
  clock.advance(10 * DAY_S * 1000);
  await payments.back.takeBack("paypal", "ONE", "chargeback");
  assert.equal(await paidUntil(id), began + 70 * DAY_S);
  const stored = (await accounts.exportEverything(id))!.stored.find(({ column }) => column === "taken_back");
  assert.equal(stored!.value, "28800 minutes");
  // Another office, which has seen nothing of it, takes the second.
  clock.advance(25 * DAY_S * 1000);
  const other = billingOn(await openAgain(), { clock });
  const second = await other.payments.back.takeBack("paypal", "TWO", "chargeback");
  assert.equal(second.ok && second.value.record.takenS, 5 * DAY_S);
  assert.equal(await paidUntil(id), began + 65 * DAY_S);
  // Won: as much again, at the end; and taken once more.
  assert.ok((await other.payments.back.giveAgain("paypal", "TWO")).ok);
  assert.equal(await paidUntil(id), began + 70 * DAY_S);
  clock.advance(5 * DAY_S * 1000);
  await payments.back.takeBack("paypal", "THREE", "refund");
  assert.equal(await paidUntil(id), nowS() + 5 * DAY_S);
  await payments.back.takeBack("paypal", "TWO", "chargeback", { news: "again" });
  assert.equal(await paidUntil(id), nowS());
  await other.store.close();
  await store.close();
});

test("what was taken out of the middle is remembered as long as it lies ahead", async () => {
  const { store } = await openTestStore("sqlite");
  const { accounts, clock, member, order, pay, paidUntil, payments, nowS } = billingOn(store);
  const id = await member("alice");
  const takenBack = async () => (await accounts.stampOf(id))!.account.takenBack;
  for (const paymentId of ["ONE", "TWO", "THREE"]) await pay(order(id), paymentId);
  await payments.back.takeBack("paypal", "TWO", "chargeback");
  assert.equal(await takenBack(), "43200 minutes, 2030-07-01T12:34Z/2030-07-31T12:34Z");
  clock.advance(40 * DAY_S * 1000);
  assert.equal(await paidUntil(id), nowS() + 20 * DAY_S);
  await payments.back.takeBack("paypal", "THREE", "chargeback");
  assert.equal(await paidUntil(id), nowS());
  assert.equal(await takenBack(), `${(30 + 20) * 1440} minutes`);
  // After a pause as long as what was taken nothing of it is left.
  clock.advance(55 * DAY_S * 1000);
  await accounts.extend(id, 1);
  assert.equal(await takenBack(), undefined);
  await store.close();
});

interface Step {
  what: "pay" | "voucher" | "chargeback" | "refund" | "won" | "wait";
  days: number;
  minutes: number;
  /** Which payment. */
  pick: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom("pay", "pay", "voucher", "chargeback", "refund", "won", "wait"),
  days: fc.integer({ min: 1, max: 40 }),
  minutes: fc.integer({ min: 1, max: 30 * 1440 }),
  pick: fc.nat(7),
});

test("whatever happens to an account: what is left is the unused days of the payments that stand", async () => {
  const { store } = await openTestStore("sqlite");
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 34, 0));
      const office = billingOn(store, { clock });
      const { accounts, payments, order, pay, paidUntil, nowS } = office;
      runs += 1;
      const id = await office.member(`member-${runs}`);
      // The plain truth: parts in the order in which they are used up.
      const parts: { of: string; leftS: number }[] = [];
      const taken = new Map<string, { how: string; seconds: number }>();
      const paid: string[] = [];
      for (const each of steps) {
        if (each.what === "wait") {
          clock.advance(each.minutes * MINUTE_S * 1000);
          let passS = each.minutes * MINUTE_S;
          for (const part of parts) {
            const used = Math.min(passS, part.leftS);
            part.leftS -= used;
            passS -= used;
          }
        } else if (each.what === "pay") {
          const paymentId = `PAYMENT-${runs}-${paid.length}`;
          assert.ok((await pay(order(id, { days: each.days }), paymentId)).ok);
          paid.push(paymentId);
          parts.push({ of: paymentId, leftS: each.days * DAY_S });
        } else if (each.what === "voucher") {
          await accounts.extend(id, each.days);
          parts.push({ of: "", leftS: each.days * DAY_S });
        } else if (paid.length > 0) {
          const paymentId = paid[each.pick % paid.length]!;
          const before = taken.get(paymentId);
          if (each.what === "won") {
            const again = await payments.back.giveAgain("paypal", paymentId);
            assert.equal(again.ok, before?.how === "chargeback");
            if (again.ok) {
              parts.push({ of: paymentId, leftS: before!.seconds });
              taken.delete(paymentId);
            }
          } else {
            const ended = await payments.back.takeBack("paypal", paymentId, each.what);
            if (before !== undefined) {
              if (ended.ok) taken.set(paymentId, { ...before, how: each.what });
            } else {
              const own = parts.filter(({ of }) => of === paymentId);
              const seconds = own.reduce((sum, { leftS }) => sum + leftS, 0);
              for (const part of own) part.leftS = 0;
              taken.set(paymentId, { how: each.what, seconds });
              assert.equal(ended.ok && ended.value.record.takenS, seconds);
            }
          }
        }
        const left = Math.max(0, ((await paidUntil(id)) ?? 0) - nowS());
        assert.equal(
          left,
          parts.reduce((sum, { leftS }) => sum + leftS, 0),
        );
      }
    }),
    { numRuns: 20 },
  );
  await store.close();
});
