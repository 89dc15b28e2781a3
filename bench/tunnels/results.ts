import type { Rates } from "./measure.ts";

export interface Figures {
  /** In pairs: what the other side has at the same place was measured right before or after. */
  rates: Rates[];
  /** A second, once a round. */
  logins: number[];
}

export interface Row {
  id: string;
  title: string;
  lethe: Figures;
  hand: Figures;
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

type What = "up" | "down" | "logins";

const figures = ({ rates, logins }: Figures, what: What): number[] =>
  what === "logins" ? logins : rates.map((rate) => rate[what]);

export interface Verdict {
  title: string;
  what: What;
  /** The median of the pairs' shares, the least and the greatest of them. */
  share: number;
  least: number;
  most: number;
}

/**
 * Ours over by hand. What was measured one after the other is compared, and the median of these shares counts: what the machine does
 * beside us meets both.
 */
export const verdicts = ({ rows }: Results): Verdict[] =>
  rows.flatMap(({ title, lethe, hand }) =>
    (["up", "down", "logins"] as const).flatMap((what) => {
      const byHand = figures(hand, what);
      const shares = figures(lethe, what).map((own, index) => own / byHand[index]!);
      if (shares.length === 0) return [];
      return [{ title, what, share: median(shares), least: Math.min(...shares), most: Math.max(...shares) }];
    }),
  );

/** Rows in which by hand is another engine than ours: shown, and not judged. */
const OTHER_ENGINES: readonly string[] = ["ssh-openssh"];

/** Throughput that falls short of what is needed. Logins are not held against a share: by hand nobody is asked. */
export const shortfalls = ({ ceiling, rows }: Results): Verdict[] =>
  verdicts({ ceiling, rows: rows.filter(({ id }) => !OTHER_ENGINES.includes(id)) }).filter(
    ({ what, share }) => what !== "logins" && share < SHARE_NEEDED,
  );

/** The judgement in words. */
function judgement(results: Results): string {
  const short = shortfalls(results).map(
    ({ title, what, share, least, most }) =>
      `${title}, ${what}: ${share.toFixed(3)} (pairs from ${least.toFixed(2)} to ${most.toFixed(2)})`,
  );
  const needed = `Needed: ${SHARE_NEEDED} of the same engine by hand, up and down.`;
  return short.length === 0 ? `${needed} Kept by all.` : `${needed} Below it: ${short.join("; ")}.`;
}

export function table(results: Results): string {
  const { ceiling, rows } = results;
  const [up, down] = [median(ceiling.map((rate) => rate.up)), median(ceiling.map((rate) => rate.down))];
  const shares = verdicts(results);
  const cell = (row: Row, what: "up" | "down", most: number): string => {
    const own = median(figures(row.lethe, what));
    const share = shares.find((each) => each.title === row.title && each.what === what)?.share;
    return `${own.toFixed(0)} | ${(own / most).toFixed(2)} | ${share?.toFixed(2) ?? "–"}`;
  };
  const lines = rows.map((row) => {
    if (row.lethe.rates.length === 0) return `| ${row.title} | – | – | – | – | – | – | – | – |`;
    const share = shares.find((each) => each.title === row.title && each.what === "logins")?.share;
    const rate = median(row.lethe.logins);
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
