import { treeUse } from "../proxy/process-tree.ts";
import type { Worker } from "./child.ts";
import type { Load, LoadTasks } from "./load.ts";
import type { OfficeTasks } from "./office.ts";

/** How fast members log in and redeem vouchers through the site's API, on one kind of store of one size. */
export interface StoreFigures {
  store: "SQLite" | "PostgreSQL";
  accounts: number;
  signIns: Load & Cost;
  redemptions: Load & Cost;
}

interface Cost {
  /** Processor time of the office a request, ms. */
  officeCpuMs: number;
  /** The same of the database server; 0 for SQLite, which is part of the office. */
  databaseCpuMs: number;
}

/** Members at one time; the site hashes two passwords at once and lets forty wait. */
const CLIENTS = 16;

export async function measureStore(options: {
  store: StoreFigures["store"];
  accounts: number;
  office: Worker<OfficeTasks>;
  load: Worker<LoadTasks>;
  url: string;
  seconds: number;
  databasePid?: number | undefined;
}): Promise<StoreFigures> {
  const { store, accounts, office, load, url, seconds } = options;
  await office.ask("checkLogIn");
  const databaseMs = () =>
    options.databasePid === undefined ? 0 : treeUse([options.databasePid]).cpuSeconds * 1000;
  const measured = async (work: () => Promise<Load>): Promise<Load & Cost> => {
    const before = { office: (await office.ask("use")).cpuMs, database: databaseMs() };
    const done = await work();
    const each = (ms: number) => ms / Math.max(1, done.done);
    return {
      ...done,
      officeCpuMs: each((await office.ask("use")).cpuMs - before.office),
      databaseCpuMs: each(databaseMs() - before.database),
    };
  };
  const signIns = await measured(() => load.ask("signIns", { url, accounts, clients: CLIENTS, seconds }));
  // More than any store here redeems in that time; what is left over is thrown away with the store.
  const codes = await office.ask("vouchers", { count: Math.round(seconds * 5000) });
  const redemptions = await measured(() =>
    load.ask("redemptions", { url, codes, clients: CLIENTS, seconds }),
  );
  return { store, accounts, signIns, redemptions };
}
