import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { saveServers } from "../../src/fleet/servers.ts";
import { openStore } from "../../src/store/open.ts";
import { Worker } from "./child.ts";
import { nowMs } from "./figures.ts";
import { fillAccounts, fillHistory, someServers } from "./fill.ts";
import {
  type Exits,
  growExits,
  measureChanges,
  measureFirstRoster,
  measureReports,
  measureReturn,
} from "./link-figures.ts";
import type { LoadTasks } from "./load.ts";
import { type Link, startLink } from "./nats.ts";
import type { OfficeTasks } from "./office.ts";
import { startPostgres } from "./postgres.ts";
import { describeMachine, emptyResults, type Results } from "./results.ts";
import type { Run } from "./run.ts";
import { measurePage, PAGES } from "./status-figures.ts";
import { measureStore } from "./store-figures.ts";

type Where = { path: string } | { url: string };

const siteSecret = randomBytes(32);
/** For the site alone: its pages do not read accounts. */
const FEW_ACCOUNTS = 1000;

/** The whole run, part by part. */
export async function measureFleet(run: Run): Promise<Results> {
  const startedMs = nowMs();
  const results = emptyResults(describeMachine(), run);
  const wants = (part: Run["parts"][number]) => run.parts.includes(part);
  if (wants("site")) await measureSite(run, results);
  if (wants("postgres")) await measurePostgres(run, results);
  if (wants("sqlite") || wants("link")) await measureSqlite(run, results);
  results.seconds = Math.round((nowMs() - startedMs) / 1000);
  results.machine.loadAfter = describeMachine().load;
  return results;
}

/** Writes servers with their past, and accounts numbered `from` to `to`. */
async function fill(where: Where, servers: number, from: number, to: number): Promise<void> {
  const store = await openStore(where);
  try {
    if (servers > 0) {
      const some = someServers(servers);
      await saveServers(store, some);
      await fillHistory(
        store,
        some.map(({ name }) => name),
      );
    }
    await fillAccounts(store, siteSecret, from, to);
  } finally {
    await store.close();
  }
}

async function startOffice(where: Where): Promise<{ office: Worker<OfficeTasks>; url: string }> {
  const office = new Worker<OfficeTasks>("office.ts");
  const { port } = await office.ask("start", { where, siteSecret });
  return { office, url: `http://127.0.0.1:${port}` };
}

async function measureSite(run: Run, results: Results): Promise<void> {
  const { siteSeconds: seconds, statusPerSecond: perSecond } = run.scale;
  for (const servers of run.scale.exits) {
    run.note(`site: ${servers} servers`);
    const folder = join(run.folder, `site-${servers}`);
    mkdirSync(folder);
    const where = { path: join(folder, "lethe.db") };
    await fill(where, servers, 0, FEW_ACCOUNTS);
    const { office, url } = await startOffice(where);
    const load = new Worker<LoadTasks>("load.ts");
    for (const path of Object.keys(PAGES) as (keyof typeof PAGES)[])
      results.pages.push(await measurePage({ path, servers, office, load, url, perSecond, seconds }));
    await Promise.all([office.kill(), load.kill()]);
    rmSync(folder, { recursive: true });
  }
}

async function measurePostgres(run: Run, results: Results): Promise<void> {
  const database = await startPostgres();
  if (typeof database === "string") {
    results.left.push(`PostgreSQL: ${database}`);
    return;
  }
  results.machine.versions.postgresql = database.version;
  try {
    let filled = 0;
    for (const accounts of run.scale.accounts) {
      run.note(`PostgreSQL: ${accounts} accounts`);
      const where = { url: database.url };
      await fill(where, 0, filled, accounts);
      filled = accounts;
      const { office, url } = await startOffice(where);
      const load = new Worker<LoadTasks>("load.ts");
      const seconds = run.scale.siteSeconds;
      const databasePid = database.pid;
      results.stores.push(
        await measureStore({ store: "PostgreSQL", accounts, office, load, url, seconds, databasePid }),
      );
      await Promise.all([office.kill(), load.kill()]);
    }
  } finally {
    await database.stop();
  }
}

/** The link is measured on SQLite: what feeds it is in memory either way. */
async function measureSqlite(run: Run, results: Results): Promise<void> {
  const { scale, parts, note } = run;
  const most = scale.exits.at(-1)!;
  const where = { path: join(run.folder, "lethe.db") };
  const link = parts.includes("link") ? await startLink(most, scale.jitterMs) : undefined;
  if (link !== undefined) results.machine.versions["nats-server"] = link.version;
  try {
    let filled = 0;
    for (const accounts of scale.accounts) {
      note(`SQLite: ${accounts} accounts`);
      await fill(where, filled === 0 ? most : 0, filled, accounts);
      filled = accounts;
      const { office, url } = await startOffice(where);
      const load = new Worker<LoadTasks>("load.ts");
      const seconds = scale.siteSeconds;
      if (parts.includes("sqlite"))
        results.stores.push(await measureStore({ store: "SQLite", accounts, office, load, url, seconds }));
      if (link === undefined) await office.kill();
      else await measureLink({ run, results, where, accounts, office, load, url, link });
      await load.kill();
    }
  } finally {
    await link?.stop();
  }
}

/** Ends with the office that it is given. */
async function measureLink(options: {
  run: Run;
  results: Results;
  where: Where;
  accounts: number;
  office: Worker<OfficeTasks>;
  load: Worker<LoadTasks>;
  url: string;
  link: Link;
}): Promise<void> {
  const { run, results, where, accounts, load, url, link } = options;
  const { scale, note } = run;
  const last = accounts === scale.accounts.at(-1);
  const most = scale.exits.at(-1)!;
  let { office } = options;
  const { rosterMs } = await office.ask("link", link.office);
  note(`link: the office has read ${accounts} accounts in ${(rosterMs / 1000).toFixed(1)} s`);
  const { figures, probe } = await measureFirstRoster({ accounts, office, link });
  const { rssBytes } = await office.ask("use");
  results.firstRosters.push({ ...figures, officeReadsS: rosterMs / 1000, officeRssBytes: rssBytes });
  const exits: Exits = { count: 0, workers: [] };
  let next = 0;
  for (const count of last ? scale.exits : [most]) {
    note(`link: ${accounts} accounts, ${count} exits`);
    await growExits(exits, count, link, scale.processes);
    const indices = Array.from({ length: scale.changes }, () => next++);
    results.changes.push(await measureChanges({ accounts, exits, probe, office, link, indices }));
    if (!last) continue;
    note(`link: reports of ${count} exits`);
    const seconds = scale.reportSeconds / (count === most ? 1 : 2);
    results.reports.push(await measureReports({ accounts, exits, office, link, seconds }));
  }
  await probe.close();
  if (last) {
    note(`site: ${most} servers, while they report`);
    const perSecond = scale.statusPerSecond;
    const seconds = scale.siteSeconds;
    const reports = measureReports({ accounts, exits, office, link, seconds: seconds + 2 });
    const path = "/status";
    const page = await measurePage({ path, servers: most, office, load, url, perSecond, seconds });
    results.pages.push({ ...page, reporting: true });
    await reports;

    note(`link: office and nats-server gone; ${scale.changedMeanwhile} accounts change`);
    const indices = Array.from({ length: scale.changedMeanwhile }, () => next++);
    const returned = await measureReturn({
      accounts,
      exits,
      link,
      wholeBytes: accounts * 44,
      async change() {
        await office.kill();
        const other = (await startOffice(where)).office;
        const changed = await other.ask("extend", { indices });
        await other.kill();
        return changed;
      },
      async back() {
        const again = (await startOffice(where)).office;
        await again.ask("link", link.office);
        return again;
      },
    });
    office = returned.office;
    results.returns.push(returned.figures);
  }
  await Promise.all([office.kill(), ...exits.workers.map((worker) => worker.kill())]);
}
