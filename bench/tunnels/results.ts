import type { Figures } from "./contenders.ts";
import type { Rates } from "./measure.ts";

export interface Row {
  id: string;
  title: string;
  lethe: Figures[];
  hand: Figures[];
  failure?: string;
}

export interface Results {
  ceiling: Rates[];
  rows: Row[];
}

/** Needed of what the same engine does by hand. */
export const SHARE_NEEDED = 0.95;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const of = <Key extends string>(turns: readonly Record<Key, number>[], key: Key): number =>
  median(turns.map((turn) => turn[key]));

export interface Verdict {
  title: string;
  what: "up" | "down" | "logins";
  /** The median of the rounds' shares, the least and the greatest of them. */
  share: number;
  least: number;
  most: number;
}

/**
 * Ours over by hand. Turns that follow one another are compared, and the median of these shares counts: what the machine does
 * beside us meets both.
 */
export const verdicts = ({ rows }: Results): Verdict[] =>
  rows
    .filter(({ lethe, hand }) => lethe.length > 0 && hand.length > 0)
    .flatMap(({ title, lethe, hand }) =>
      (["up", "down", "logins"] as const).map((what) => {
        const shares = lethe.slice(0, hand.length).map((turn, index) => turn[what] / hand[index]![what]);
        return { title, what, share: median(shares), least: Math.min(...shares), most: Math.max(...shares) };
      }),
    );

/** Throughput that falls short of what is needed. Logins are not held against a share: by hand nobody is asked. */
export const shortfalls = (results: Results): Verdict[] =>
  verdicts(results).filter(({ what, share }) => what !== "logins" && share < SHARE_NEEDED);

/** The judgement in words. */
function judgement(results: Results): string {
  const short = shortfalls(results).map(
    ({ title, what, share, least, most }) =>
      `${title}, ${what}: ${share.toFixed(3)} (rounds from ${least.toFixed(2)} to ${most.toFixed(2)})`,
  );
  const needed = `Needed: ${SHARE_NEEDED} of by hand, up and down.`;
  return short.length === 0 ? `${needed} Kept by all.` : `${needed} Below it: ${short.join("; ")}.`;
}

export function table(results: Results): string {
  const { ceiling, rows } = results;
  const [up, down] = [of(ceiling, "up"), of(ceiling, "down")];
  const shares = verdicts(results);
  const cell = (row: Row, what: "up" | "down", most: number): string => {
    const own = of(row.lethe, what);
    const share = shares.find((each) => each.title === row.title && each.what === what)?.share;
    return `${own.toFixed(0)} | ${(own / most).toFixed(2)} | ${share?.toFixed(2) ?? "–"}`;
  };
  const lines = rows.map((row) => {
    if (row.lethe.length === 0) return `| ${row.title} | – | – | – | – | – | – | – | – |`;
    const share = shares.find((each) => each.title === row.title && each.what === "logins")?.share;
    const rate = of(row.lethe, "logins");
    return `| ${row.title} | ${cell(row, "up", up)} | ${cell(row, "down", down)} | ${rate.toFixed(rate < 10 ? 1 : 0)} | ${share?.toFixed(2) ?? "–"} |`;
  });
  return [
    `Packet ceiling of this run: ${up.toFixed(0)} Mbit/s up, ${down.toFixed(0)} down (one TCP stream, forwarded and translated, no tunnel).`,
    "",
    "| | up, Mbit/s | of the ceiling | of by hand | down, Mbit/s | of the ceiling | of by hand | logins/s | of by hand |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    judgement(results),
    ...rows.flatMap(({ title, failure }) =>
      failure === undefined ? [] : [`Not measured: ${title}: ${failure.split("\n")[0]}`],
    ),
  ].join("\n");
}
