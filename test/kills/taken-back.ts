import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Refunded } from "../../src/billing/refunds.ts";
import { Aim, type Delivery, isEnough, type KillOptions, KillWorld, PLAN_S, type Tally } from "./world.ts";

/** Whoever asked the provider has ten minutes for it before another office goes on (refunds-due.ts); and a look every six hours. */
const NEXT_LOOK_MS = 6 * 3_600_000 + 60_000;
/** Between two things that a provider tells. */
const LATER_MS = 2000;

const KINDS = ["refund", "chargeback", "cash"] as const;
type Kind = (typeof KINDS)[number];

/** What happens to one payment, in this order; whether what it paid for stands afterwards. */
const STORIES = [
  { told: ["opened", "taken"], stands: false },
  { told: ["opened", "taken", "won"], stands: true },
  { told: ["opened", "taken", "lost"], stands: false },
  { told: ["taken", "won", "opened", "taken"], stands: false },
  { told: ["opened", "taken", "won", "opened", "taken", "won"], stands: true },
  { told: ["opened", "taken", "won", "opened", "taken", "lost"], stands: false },
  { told: ["taken", "lost", "won"], stands: true },
] as const;

/**
 * As killAroundPayments, of money that goes back and of cash: around a refund that is claimed with a receipt, what PayPal tells of a
 * dispute, and an envelope that the operator books. Afterwards the days credited are the payments without what was given or taken
 * back, each granted refund was made once at PayPal and has ended what it paid for, and no envelope counts twice.
 */
export async function killAroundTakingBack(
  options: KillOptions,
): Promise<{ tally: Tally; rounds: Record<Kind, number>; refunds: number }> {
  const { kills, seed, where, progress } = options;
  const world = await KillWorld.open({ seed, where });
  const { paypal } = world;
  /** By account: the end of the paid time. */
  const expected: Record<string, number | null> = { ...world.paidUntil };
  let events = 0;
  const tally: Tally = { before: 0, between: 0, after: 0 };
  const rounds: Record<Kind, number> = { refund: 0, chargeback: 0, cash: 0 };
  const aims: Record<Kind, Aim> = { refund: new Aim(80), chargeback: new Aim(40), cash: new Aim(15) };
  let refunds = 0;
  const add = (accountId: string, seconds: number) => {
    expected[accountId] = expected[accountId]! + seconds;
  };

  /** Tells the office something, several times at once, kills it meanwhile, and starts another so much later. */
  const killDuring = async (
    kind: Kind,
    asked: (() => Promise<boolean>)[],
    done: () => Promise<boolean>,
    laterMs = 0,
  ) => {
    let told = false;
    const running = asked.map((ask) =>
      ask().then(
        (heard) => {
          told ||= heard;
        },
        () => undefined,
      ),
    );
    await world.waitAround(aims[kind]);
    const killed = world.kill();
    const knew = told;
    await killed;
    await Promise.all(running);
    world.advance(laterMs);
    await world.restart();
    const was = await done();
    const death = knew ? "after" : was ? "between" : "before";
    tally[death]++;
    aims[kind].learn(death);
  };

  /** A payment through PayPal that has counted. */
  const bought = async (method: string, accountId: string | undefined, round: number) => {
    const { reference } = await world.begin(method, accountId, round);
    const madeBefore = paypal.events.made.length;
    await world.deliverAll(world.pay(method, reference, madeBefore), `round ${round}`);
    // An approved order is captured where that is told; what PayPal says of the capture comes after it.
    await world.deliverAll(world.pay(method, reference, madeBefore), `round ${round}`);
    events++;
    const paymentId =
      paypal.state.orders.get(reference)?.captures[0]?.id ??
      paypal.state.subscriptions.get(reference)!.sales[0]!.id;
    const { receipt, code } = await world.ask<{ receipt: string; code: string }>("/receipt", { paymentId });
    return { reference, paymentId, receipt, code };
  };
  const redeemed = (accountId: string, code: string) => world.ask<boolean>("/redeem", { accountId, code });

  const claimRound = async (round: number): Promise<string> => {
    const what = world.pick(["account", "subscription", "voucher"]);
    const race = world.pick(["alone", "twice", "told", "redeemed", "silent", "pending"]);
    const finish = world.pick(["receipt", "itself", "told"]);
    const name = `refunded${round}`;
    const accountId = what === "voucher" ? undefined : await world.ask<string>("/member", { name });
    const redeemer = world.pick(world.members);
    const method = what === "subscription" ? "paypal-subscription" : "paypal";
    const { reference, paymentId, receipt, code } = await bought(method, accountId, round);
    const made = () => paypal.state.refunds.filter((refund) => refund.paymentId === paymentId);
    const madeBefore = paypal.events.made.length;
    const tellings = () =>
      paypal.events.made
        .slice(madeBefore)
        .filter(({ body }) => body.includes(paymentId) || body.includes(reference))
        .map((event) => world.delivery(event));
    const claim = () => world.ask<Refunded>("/claim", { receipt });
    const claimed = async () => (await claim()).outcome === "given";
    const asked = [claimed, ...(race === "twice" ? [claimed] : [])];
    if (race === "told")
      asked.push(async () => {
        for (let tries = 0; tries < 100 && tellings().length === 0; tries += 1) await sleep(1);
        await Promise.all(tellings().map((delivery) => world.deliver(delivery)));
        return false;
      });
    if (race === "redeemed" && what === "voucher")
      asked.push(() => redeemed(redeemer, code).then(() => false));
    if (race === "silent") paypal.wrong.down = 503;
    if (race === "pending") paypal.wrong.pendingRefund = true;
    await killDuring("refund", asked, async () => made().length > 0, NEXT_LOOK_MS);
    delete paypal.wrong.down;
    // One that is pending is finished at PayPal before the office looks again, or after.
    const finished = () => {
      delete paypal.wrong.pendingRefund;
      for (const refund of made()) delete refund.status;
    };
    if (finish === "itself") {
      finished();
      await world.ask("/round", {});
      const { due, paidUntil } = await world.counts();
      assert.equal(due, 0, "goes on by itself");
      if (made().length > 0 && accountId !== undefined)
        assert.ok(paidUntil[accountId]! <= world.nowS() + 60, "goes on by itself");
    }
    if (finish === "told") await world.deliverAll(world.shuffled(tellings()), `round ${round}`);
    // Where the claim had not been heard at all, the buyer asks again.
    const outcome = await claim();
    finished();
    if ((await world.counts()).due > 0) {
      await world.kill();
      world.advance(NEXT_LOOK_MS);
      await world.restart();
      await world.ask("/round", {});
    }
    await world.deliverAll(world.shuffled([...tellings(), ...tellings()]), `round ${round}`);

    const where = `seed ${seed}, round ${round}: refund of a ${what}, ${race}, ${finish}, ${outcome.outcome}`;
    if (outcome.outcome === "refused" && outcome.rule === "never-redeemed-voucher") {
      assert.equal(made().length, 0, where);
      assert.ok(what === "voucher" && race === "redeemed", where);
      add(redeemer, PLAN_S);
      return where;
    }
    refunds += 1;
    assert.ok(
      outcome.outcome === "given" || (outcome.outcome === "refused" && outcome.rule === "refunded-once"),
      where,
    );
    assert.deepEqual(
      made().map(({ amount }) => amount.value),
      [(paypal.state.capture(paymentId) ?? paypal.state.sale(paymentId))!.amount.value],
      `${where}: made once, in full`,
    );
    if (what === "subscription")
      assert.equal(paypal.state.subscriptions.get(reference)!.status, "CANCELLED", where);
    if (accountId === undefined) assert.equal(await redeemed(redeemer, code), false, where);
    else {
      const end = (await world.counts()).paidUntil[accountId]!;
      assert.ok(end <= world.nowS() + 60, `${where}: the account has ended`);
      // And stays so, in all rounds that follow.
      expected[accountId] = end;
    }
    const again = await claim();
    assert.ok(again.outcome === "refused" && again.rule === "refunded-once", where);
    assert.equal(made().length, 1, where);
    return where;
  };

  const disputeRound = async (round: number): Promise<string> => {
    const story = world.pick(STORIES);
    const accountId = world.random() < 0.25 ? undefined : world.pick(world.members);
    const { paymentId, code } = await bought("paypal", accountId, round);
    const killedAt = Math.floor(world.random() * story.told.length);
    const told: Delivery[] = [];
    const isTaken = async () =>
      accountId !== undefined && (await world.counts()).paidUntil[accountId] === expected[accountId];
    let taken = false;
    for (const [step, what] of story.told.entries()) {
      world.advance(LATER_MS);
      const event = {
        opened: () => paypal.openDispute(paymentId),
        taken: () => paypal.reverse(paymentId),
        won: () => paypal.resolveDispute(paymentId, "RESOLVED_SELLER_FAVOUR"),
        lost: () => paypal.resolveDispute(paymentId, "RESOLVED_BUYER_FAVOUR"),
      }[what]();
      const delivery = world.delivery(event);
      const takes: boolean = { opened: taken, taken: true, won: false, lost: true }[what];
      if (step === killedAt) {
        const deliver = async () => (await world.deliver(delivery)) === 200;
        const twice = world.random() < 0.5;
        // What it changes shows on an account; of a voucher nobody knows until it is tried.
        await killDuring(
          "chargeback",
          twice ? [deliver, deliver] : [deliver],
          async () => (await isTaken()) === takes,
        );
      }
      told.push(delivery);
      taken = takes;
      // Again, and some of what was told before, as PayPal does in any order.
      const older = told.slice(0, -1).filter(() => world.random() < 0.5);
      await world.deliverAll(world.shuffled([delivery, delivery, ...older]), `round ${round}`);
    }
    const where = `seed ${seed}, round ${round}: ${story.told.join(", ")}${accountId === undefined ? " (a voucher)" : ""}, killed around no. ${killedAt + 1}`;
    if (accountId !== undefined && story.stands) add(accountId, PLAN_S);
    if (accountId === undefined) {
      const redeemer = world.pick(world.members);
      assert.equal(await redeemed(redeemer, code), story.stands, where);
      if (story.stands) add(redeemer, PLAN_S);
    }
    return where;
  };

  const cashRound = async (round: number): Promise<string> => {
    const accountId = world.random() < 0.25 ? undefined : world.pick(world.members);
    const { reference: code } = await world.begin("cash", accountId, round);
    const book = () => world.ask<{ already?: boolean; error?: string }>("/book", { code });
    const booked = async () => (await book()).already !== undefined;
    const twice = world.random() < 0.5;
    const before = await world.counts();
    await killDuring(
      "cash",
      twice ? [booked, booked] : [booked],
      async () => (await world.counts()).events > before.events,
    );
    const where = `seed ${seed}, round ${round}: cash${accountId === undefined ? " for a voucher" : ""}, ${twice ? "booked twice at once" : "booked once"}`;
    for (let times = 0; times < 2; times += 1) assert.ok(await booked(), where);
    assert.equal((await book()).already, true, where);
    events++;
    const { vouchers } = await world.counts();
    assert.equal(vouchers - before.vouchers, accountId === undefined ? 1 : 0, where);
    if (accountId !== undefined) add(accountId, PLAN_S);
    return where;
  };

  const play = { refund: claimRound, chargeback: disputeRound, cash: cashRound };
  try {
    for (let round = 0; !isEnough(tally, kills); round++) {
      const kind = world.pick(["refund", "refund", "chargeback", "chargeback", "cash"] as const);
      rounds[kind] += 1;
      const played = await play[kind](round);
      const { paidUntil, due, cashOrders, ...counts } = await world.counts();
      assert.deepEqual(paidUntil, expected, played);
      assert.deepEqual({ due, cashOrders, events: counts.events }, { due: 0, cashOrders: 0, events }, played);
      if ((round + 1) % 100 === 0) progress?.(tally);
    }
  } finally {
    await world.close();
  }
  return { tally, rounds, refunds };
}
