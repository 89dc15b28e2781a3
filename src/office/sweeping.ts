import type { Fleet } from "../fleet/fleet.ts";
import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import { sweepCopies } from "../store/copies.ts";
import { sweep } from "../store/inventory.ts";
import type { Store } from "../store/open.ts";
import { SweepClock } from "./sweep-clock.ts";

const EVERY_MS = 300_000;

/** Deletes what the inventory says is overdue: once before it resolves, and every five minutes. */
export async function startSweeping(options: {
  store: Store;
  fleet: Pick<Fleet, "forgetOldTokens">;
  /** Where copies of the database lie. */
  copies: string;
  clock: Clock;
  log: Log;
}): Promise<void> {
  const { store, fleet, copies, log } = options;
  const clock = new SweepClock(options.clock);
  const round = async () => {
    try {
      const count = (await sweep(store, clock)) + sweepCopies(copies, clock);
      if (count > 0) log("swept", { count });
      await fleet.forgetOldTokens();
    } catch (error) {
      log("store-unwritable", { reason: reasonOf(error) });
    }
  };
  await round();
  setInterval(round, EVERY_MS).unref();
}
