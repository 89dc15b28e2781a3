import { randomInt } from "node:crypto";

/** A part of every wait is chance, so that many machines do not come to the authority at once. */
const SHARE_OF_CHANCE = 0.2;
/** Public authorities allow five failed tries an hour for one name. */
const FIRST_BACK_OFF_MS = 300_000;
const LONGEST_BACK_OFF_MS = 6 * 3_600_000;

/** From 0 up to 1; a test gives its own. */
export type Chance = () => number;
const chanceOf: Chance = () => randomInt(1_000_000) / 1_000_000;

/** When a certificate is to be renewed: with a third of its lifetime left, or up to a fifth of that third earlier. */
export function renewAt(
  { notBeforeMs, notAfterMs }: { notBeforeMs: number; notAfterMs: number },
  chance: Chance = chanceOf,
): number {
  const third = (notAfterMs - notBeforeMs) / 3;
  return notAfterMs - third * (1 + SHARE_OF_CHANCE * chance());
}

/** How long to wait after the `failures`-th failure in a row (1, 2, …): doubling, from five minutes to six hours. */
export function backOffMs(failures: number, chance: Chance = chanceOf): number {
  const doubled = Math.min(FIRST_BACK_OFF_MS * 2 ** (failures - 1), LONGEST_BACK_OFF_MS);
  return doubled * (1 + SHARE_OF_CHANCE * chance());
}
