import type { Results } from "./results.ts";

/** What a fleet of 1,000 exits and 1,000,000 accounts may cost on two cores. */
export interface Verdict {
  what: string;
  unit: string;
  most: number;
  seen: number;
}

const MB = 1e6;
const MANY_ACCOUNTS = 1_000_000;

/** One line a limit, of the largest sizes that were measured; none where its part was not. */
export function verdicts(results: Results): Verdict[] {
  const { firstRosters, changes, reports, returns, pages } = results;
  const lines: Verdict[] = [];
  const add = (what: string, unit: string, most: number, seen: number | undefined) => {
    if (seen !== undefined) lines.push({ what, unit, most, seen });
  };
  const first = firstRosters.at(-1);
  add("first roster to an exit", "s", 10, first?.seconds);
  add("first roster on the wire", "MB", 60, first && first.wireBytes / MB);
  // A process of few accounts is mostly itself.
  if (first !== undefined && first.accounts >= MANY_ACCOUNTS)
    add("memory of an account in the exit", "bytes", 100, first.memoryBytes / first.accounts);
  add("one account changed, on every exit, p99", "ms", 2000, changes.at(-1)?.latencyMs.p99);
  const [smallest] = changes;
  const largest = changes.at(-1);
  add(
    "a change's bytes to an exit, most accounts : fewest",
    "times",
    1.1,
    smallest && largest && largest.wireBytes / smallest.wireBytes,
  );
  add("reports, of one core of the office", "%", 5, reports.at(-1)?.officeCorePercent);
  add("office gone and back: the last exit has its roster", "s", 120, seconds(returns.at(-1)?.latencyMs.max));
  add("versions that went back meanwhile", "", 0, returns.at(-1)?.rollbacks);
  for (const page of pages.filter(
    ({ path, servers }) => path === "/status" && servers === pages.at(-1)?.servers,
  ))
    add(`status page, p99${page.reporting ? ", while exits report" : ""}`, "ms", 50, page.latencyMs.p99);
  return lines;
}

const seconds = (ms: number | undefined): number | undefined => ms && ms / 1000;
