import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { onEachStore, openTestStore, type StoreKind } from "../../src/store/testing.ts";
import { killAroundPayments } from "./kills.ts";
import { killAroundTakingBack } from "./taken-back.ts";
import type { KillOptions, Tally } from "./world.ts";

/** On SQLite; `npm run test:kills` has 1,000. A run is repeated with LETHE_KILLS_SEED, as far as a machine repeats itself. */
const KILLS = Number(process.env.LETHE_KILLS ?? 50);
const POSTGRES_SHARE = 5;
/** Of the kills, so many more fall around what goes back, and around cash. */
const TAKING_BACK_SHARE = 3;
const seed = Number(process.env.LETHE_KILLS_SEED ?? randomInt(2 ** 31));

async function optionsFor(kind: StoreKind, wanted: number, what: string) {
  const { store, where } = await openTestStore(kind);
  await store.close();
  const kills = Math.ceil(kind === "sqlite" ? wanted : Math.min(40, wanted / POSTGRES_SHARE));
  process.stdout.write(`${kind}, ${what}: ${kills} kills, seed ${seed}\n`);
  const progress = ({ before, between, after }: Tally) =>
    process.stdout.write(
      `${kind}, ${what}: ${before + between + after} done; died before it counted ${before}, between that and the answer ${between}, after the answer ${after}\n`,
    );
  return { kills, seed, where, progress } satisfies KillOptions;
}

onEachStore("an office killed around a payment's report: days credited = payments", async (kind) => {
  const options = await optionsFor(kind, KILLS, "payments");
  const tally = await killAroundPayments(options);
  options.progress(tally);
  if (options.kills >= 50)
    assert.ok(tally.before > 0 && tally.after > 0, "deaths on both sides of the payment");
});

onEachStore(
  "an office killed around refunds, chargebacks and cash: each goes back once and ends what it paid for, each envelope counts once",
  async (kind) => {
    const options = await optionsFor(kind, KILLS / TAKING_BACK_SHARE, "taking back");
    const { tally, rounds, refunds } = await killAroundTakingBack(options);
    options.progress(tally);
    process.stdout.write(`${kind}, taking back: ${JSON.stringify(rounds)}, ${refunds} refunds made\n`);
    if (options.kills >= 50) assert.ok(tally.before > 0 && tally.after > 0, "deaths on both sides");
  },
);
