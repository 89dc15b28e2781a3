export const PARTS = ["site", "postgres", "sqlite", "link"] as const;
export type Part = (typeof PARTS)[number];

/** What all parts of one run share. */
export interface Run {
  /** For databases and keys; removed at the end. On a disk, so that a synced commit costs what it costs. */
  folder: string;
  scale: Scale;
  parts: readonly Part[];
  /** Says on standard error what is being done. */
  note(text: string): void;
}

export interface Scale {
  /** Ascending. */
  exits: number[];
  /** Ascending. */
  accounts: number[];
  /** In so many processes the most exits are simulated. */
  processes: number;
  /** How long one kind of request is sent for. */
  siteSeconds: number;
  /** Status requests a second. */
  statusPerSecond: number;
  /** Changes of one account at each size. */
  changes: number;
  /** Reports of the most exits come at their real rate for so long, fewer exits' for half of it. */
  reportSeconds: number;
  /** An exit waits at most so long before it asks a returned office: 30,000 in the product. */
  jitterMs: number;
  /** Accounts that change while the office is gone. */
  changedMeanwhile: number;
}

export const FULL: Scale = {
  exits: [10, 100, 1000],
  accounts: [10_000, 100_000, 1_000_000],
  processes: 2,
  siteSeconds: 6,
  statusPerSecond: 500,
  changes: 30,
  reportSeconds: 60,
  jitterMs: 30_000,
  changedMeanwhile: 500,
};

/** Rough, within a minute. */
export const QUICK: Scale = {
  exits: [10, 50],
  accounts: [1000, 10_000],
  processes: 2,
  siteSeconds: 1,
  statusPerSecond: 500,
  changes: 10,
  reportSeconds: 5,
  jitterMs: 3000,
  changedMeanwhile: 50,
};
