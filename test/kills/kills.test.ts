import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { onEachStore, openTestStore } from "../../src/store/testing.ts";
import { killAndCount, type Tally } from "./kills.ts";

/** On SQLite; `npm run test:kills` has 1,000. A run is repeated with LETHE_KILLS_SEED, as far as a machine repeats itself. */
const KILLS = Number(process.env.LETHE_KILLS ?? 50);
const POSTGRES_SHARE = 5;
const seed = Number(process.env.LETHE_KILLS_SEED ?? randomInt(2 ** 31));

onEachStore("an office killed around a payment's report: days credited = payments", async (kind) => {
  const { store, where } = await openTestStore(kind);
  await store.close();
  const kills = kind === "sqlite" ? KILLS : Math.min(40, Math.floor(KILLS / POSTGRES_SHARE));
  process.stdout.write(`${kind}: ${kills} kills, seed ${seed}\n`);
  const progress = (done: number, { before, between, after }: Tally) =>
    process.stdout.write(
      `${kind}: ${done} done; died before it counted ${before}, between that and the answer ${between}, after the answer ${after}\n`,
    );
  const tally = await killAndCount({ kills, seed, where, progress });
  progress(kills, tally);
  if (kills >= 50) assert.ok(tally.before > 0 && tally.after > 0, "deaths on both sides of the payment");
});
