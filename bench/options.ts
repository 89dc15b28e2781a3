import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface BenchOptions {
  quick: boolean;
  rounds: number;
  /** The parts that were asked for; all where it is left out. */
  only: string[] | undefined;
  /** Where the results go; a partial run leaves none unless it is told where. */
  out: string | undefined;
}

/**
 * What every benchmark can be told. `rounds`: unless it is told (one with --quick); left out where there are none. `main`: the
 * benchmark's own address, beside which `results/` lies. Nothing for --help; throws an Error with words for the user.
 */
export function readBenchOptions({
  parts,
  rounds: usual,
  main,
}: {
  parts: readonly string[];
  rounds?: number;
  main: string;
}): BenchOptions | undefined {
  const { values } = parseArgs({
    options: {
      ...(usual !== undefined && { rounds: { type: "string" as const } }),
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const rounds = Number(values.rounds ?? (quick ? 1 : (usual ?? 1)));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error("--rounds takes 1 to 100");
  const only = values.only?.split(",");
  const unknown = only?.find((part) => !parts.includes(part));
  if (unknown !== undefined)
    throw new Error(`--only: there is no "${unknown}"; there are ${parts.join(", ")}`);
  const whole = !quick && only === undefined;
  const results = fileURLToPath(new URL("results/", main));
  return {
    quick,
    rounds,
    only,
    out: values.out === undefined ? (whole ? results : undefined) : resolve(values.out),
  };
}
