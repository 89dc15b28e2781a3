import { execFileSync } from "node:child_process";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { ChangeFigures, FirstRoster, ReportFigures, ReturnFigures } from "./link-figures.ts";
import type { Run, Scale } from "./run.ts";
import type { PageFigures } from "./status-figures.ts";
import type { StoreFigures } from "./store-figures.ts";

interface Machine {
  processors: number;
  model: string;
  memoryGiB: number;
  architecture: string;
  kernel: string;
  /** One minute's average of processes that wanted a core: before the run, ours not among them. */
  load: number;
  loadAfter: number;
  lethe: string;
  versions: Record<string, string>;
}

/** Everything that a run has found, as it goes into raw.json. */
export interface Results {
  machine: Machine;
  scale: Scale;
  seconds: number;
  firstRosters: (FirstRoster & { officeReadsS: number; officeRssBytes: number })[];
  changes: ChangeFigures[];
  reports: ReportFigures[];
  returns: ReturnFigures[];
  pages: (PageFigures & { reporting?: boolean })[];
  stores: StoreFigures[];
  /** What could not be measured here, and why. */
  left: string[];
}

export function emptyResults(machine: Machine, run: Run): Results {
  return {
    machine,
    scale: run.scale,
    seconds: 0,
    firstRosters: [],
    changes: [],
    reports: [],
    returns: [],
    pages: [],
    stores: [],
    left: [],
  };
}

export function describeMachine(): Machine {
  const load = loadavg()[0] ?? Number.NaN;
  return {
    processors: cpus().length,
    model: cpus()[0]?.model ?? "",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    architecture: arch(),
    kernel: release(),
    load,
    loadAfter: load,
    lethe: execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    }).trim(),
    versions: { node: process.version, sqlite: process.versions.sqlite ?? "" },
  };
}
