import assert from "node:assert/strict";
import type { BegunOrder } from "../../src/billing/checkout.ts";
import { Aim, isEnough, type KillOptions, KillWorld, PLAN_S, type Tally } from "./world.ts";

/**
 * Pays `kills` times, each time kills the office (SIGKILL) at a random instant around the report of the payment, starts another on
 * the same store, has the report delivered again as the provider would, and compares what the store says with what was paid.
 * Throws where they differ.
 */
export async function killAroundPayments({ kills, seed, where, progress }: KillOptions): Promise<Tally> {
  const world = await KillWorld.open({ seed, where });
  const { paypal } = world;
  const expected = { ...world.paidUntil };
  let [vouchers, events] = [0, 0];
  const tally: Tally = { before: 0, between: 0, after: 0 };
  const aims: Record<string, Aim> = {
    paypal: new Aim(100),
    "paypal-subscription": new Aim(100),
    bitcoin: new Aim(50),
    monero: new Aim(50),
  };
  /** By account: the subscription that runs. Its next round is its next period's payment. */
  const running = new Map<string, BegunOrder>();
  try {
    for (let round = 0; !isEnough(tally, kills); round++) {
      const method = world.pick(["paypal", "paypal-subscription", "bitcoin", "monero"]);
      const subscribed = method === "paypal-subscription";
      // A voucher renews nothing.
      const accountId = world.random() < 0.25 && !subscribed ? undefined : world.pick(world.members);
      const order = (subscribed && running.get(accountId!)) || (await world.begin(method, accountId, round));
      if (subscribed) running.set(accountId!, order);
      const madeBefore = paypal.events.made.length;
      const reports = () => [...world.pay(method, order.reference, madeBefore)];
      const first = reports();
      // The report, the same again at once, or the buyer coming back at the same moment.
      const race = world.pick(["alone", "twice", "return"]);
      let told = false;
      const sent = [...first, ...(race === "twice" ? first : [])].map((delivery) =>
        world.deliver(delivery).then((status) => {
          told ||= status === 200;
        }),
      );
      if (race === "return")
        sent.push(
          world.ask("/finish", order).then(
            () => undefined,
            () => undefined,
          ),
        );
      const delayMs = await world.waitAround(aims[method]!);
      const killed = world.kill();
      const knew = told;
      await killed;
      await Promise.all(sent);

      await world.restart();
      const paid = (await world.counts()).events > events;
      const death = knew ? "after" : paid ? "between" : "before";
      tally[death]++;
      aims[method]!.learn(death);
      // Again, with what the provider has to tell by now, in any order; some of it twice.
      await world.deliverAll(world.shuffled([...reports(), ...reports()]), `round ${round}`);
      events++;
      if (accountId === undefined) vouchers++;
      else expected[accountId] = expected[accountId]! + PLAN_S;
      const { due, cashOrders, ...counts } = await world.counts();
      assert.deepEqual(
        counts,
        { paidUntil: expected, vouchers, events },
        `seed ${seed}, round ${round}: ${method}, ${race}, killed after ${delayMs.toFixed(2)} ms`,
      );
      assert.deepEqual([due, cashOrders], [0, 0]);
      if ((round + 1) % 100 === 0) progress?.(tally);
    }
  } finally {
    await world.close();
  }
  return tally;
}
