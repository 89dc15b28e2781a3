import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "./child.ts";
import type { ExitsTasks } from "./exits.ts";
import { cpuMs, nowMs, type Spread, spread, sum } from "./figures.ts";
import type { Link } from "./nats.ts";
import type { Extended, OfficeTasks } from "./office.ts";
import { type Relay, startRelay } from "./relay.ts";

/** What one exit pays for its first roster, as a process of its own beside a fleet that stands still. */
export interface FirstRoster {
  accounts: number;
  seconds: number;
  /** Received, with TLS's and NATS's own. */
  wireBytes: number;
  /** What the process has more than before, and the most it ever had more. */
  memoryBytes: number;
  mostMemoryBytes: number;
  /** The sealed copy on tmpfs, which is memory too. */
  sealedBytes: number;
  officeCpuMs: number;
}

/** One account changed, from the office's command to the last exit's table. */
export interface ChangeFigures {
  exits: number;
  accounts: number;
  /** Over all exits and changes. */
  latencyMs: Spread;
  /** Received by one exit for one change, with TLS's and NATS's own. */
  wireBytes: number;
  officeCpuMs: number;
  natsCpuMs: number;
  /** Of one exit. */
  exitCpuMs: number;
}

/** Health each minute and totals each five minutes, of so many exits. */
export interface ReportFigures {
  exits: number;
  accounts: number;
  perSecond: number;
  /** Of one core. */
  officeCorePercent: number;
  natsCorePercent: number;
  refused: number;
}

/** Office and nats-server killed, accounts changed meanwhile, both back. */
export interface ReturnFigures {
  exits: number;
  accounts: number;
  changed: number;
  /** From the start of the new office's process to its first answer on the link. */
  officeStartMs: number;
  /** From that first answer to each exit's right roster. */
  latencyMs: Spread;
  /** Fetched by an exit, mean and most. */
  fetchedBytes: number;
  fetchedBytesMost: number;
  wholeBytes: number;
  rollbacks: number;
  /** What the exits' logs had to say, by code. */
  events: Record<string, number>;
  officeCpuMs: number;
  natsCpuMs: number;
}

/** A lone exit whose connection is counted. */
export interface Probe {
  worker: Worker<ExitsTasks>;
  relay: Relay;
  sealFolder: string;
  close(): Promise<void>;
}

const SEAL_WAIT_MS = 30_000;

export async function measureFirstRoster(options: {
  accounts: number;
  office: Worker<OfficeTasks>;
  link: Link;
}): Promise<{ figures: FirstRoster; probe: Probe }> {
  const { accounts, office, link } = options;
  const relay = await startRelay(link.port);
  const worker = new Worker<ExitsTasks>("exits.ts", { execArgv: ["--expose-gc"] });
  const sealFolder = mkdtempSync("/dev/shm/lethe-fleet-");
  const remove = () => rmSync(sealFolder, { recursive: true, force: true });
  process.once("exit", remove);
  const seal = { path: join(sealFolder, "roster.sealed"), key: randomBytes(32) };
  const before = await worker.ask("memory");
  const officeBefore = await office.ask("use");
  const { firstMs } = await worker.ask("start", {
    ...link.start(["probe1"]),
    link: { ...link.start([]).link, servers: [`127.0.0.1:${relay.port}`] },
    seal,
  });
  const wireBytes = relay.take().down;
  const officeCpuMs = (await office.ask("use")).cpuMs - officeBefore.cpuMs;
  const untilMs = nowMs() + SEAL_WAIT_MS;
  const sealed = () => statSync(seal.path, { throwIfNoEntry: false })?.size ?? 0;
  while (sealed() === 0 && nowMs() < untilMs) await wait(100);
  const after = await worker.ask("memory");
  return {
    figures: {
      accounts,
      seconds: firstMs / 1000,
      wireBytes,
      memoryBytes: after.rssBytes - before.rssBytes,
      mostMemoryBytes: after.mostBytes - before.rssBytes,
      sealedBytes: sealed(),
      officeCpuMs,
    },
    probe: {
      worker,
      relay,
      sealFolder,
      async close() {
        await worker.kill();
        relay.close();
        process.off("exit", remove);
        remove();
      },
    },
  };
}

/** The fleet as it has grown so far; workers of some exits each. */
export interface Exits {
  count: number;
  workers: Worker<ExitsTasks>[];
}

/** As many more as make `count`, in at most `processes` new processes. */
export async function growExits(exits: Exits, count: number, link: Link, processes: number): Promise<void> {
  const names = link.exits.slice(exits.count, count);
  const share = Math.ceil(names.length / processes);
  for (let at = 0; at < names.length; at += share) {
    const worker = new Worker<ExitsTasks>("exits.ts");
    exits.workers.push(worker);
    await worker.ask("start", link.start(names.slice(at, at + share)));
  }
  exits.count = count;
}

const exitsCpuMs = async (exits: Exits): Promise<number> =>
  sum(await Promise.all(exits.workers.map(async (worker) => (await worker.ask("use")).cpuMs)));

/** How long a change may take before we no longer wait for it. */
const CHANGE_WAIT_MS = 30_000;

export async function measureChanges(options: {
  accounts: number;
  exits: Exits;
  probe: Probe;
  office: Worker<OfficeTasks>;
  link: Link;
  indices: number[];
}): Promise<ChangeFigures> {
  const { accounts, exits, probe, office, link, indices } = options;
  const latencies: number[] = [];
  probe.relay.take();
  const before = [(await office.ask("use")).cpuMs, cpuMs(link.pid()), await exitsCpuMs(exits)];
  for (const index of indices) {
    const [change] = (await office.ask("extend", { indices: [index] })) as [Extended];
    const arrived = async () =>
      (await Promise.all(exits.workers.map((worker) => worker.ask("arrivals", change)))).flat();
    const untilMs = nowMs() + CHANGE_WAIT_MS;
    let atMs = await arrived();
    while (atMs.length < exits.count && nowMs() < untilMs) {
      await wait(100);
      atMs = await arrived();
    }
    latencies.push(...atMs.map((each) => each - change.atMs));
    // One that never came counts as if it had come when we stopped waiting.
    for (let missing = atMs.length; missing < exits.count; missing++) latencies.push(CHANGE_WAIT_MS);
  }
  const after = [(await office.ask("use")).cpuMs, cpuMs(link.pid()), await exitsCpuMs(exits)];
  const [officeMs, natsMs, exitsMs] = after.map((ms, i) => (ms - before[i]!) / indices.length);
  return {
    exits: exits.count,
    accounts,
    latencyMs: spread(latencies),
    wireBytes: probe.relay.take().down / indices.length,
    officeCpuMs: officeMs!,
    natsCpuMs: natsMs!,
    exitCpuMs: exitsMs! / exits.count,
  };
}

export async function measureReports(options: {
  accounts: number;
  exits: Exits;
  office: Worker<OfficeTasks>;
  link: Link;
  seconds: number;
}): Promise<ReportFigures> {
  const { accounts, exits, office, link, seconds } = options;
  const refused = async () =>
    sum(
      Object.entries(await office.ask("events"))
        .filter(([event]) => event.startsWith("totals-refused"))
        .map(([, count]) => count),
    );
  const refusedBefore = await refused();
  const before = [(await office.ask("use")).cpuMs, cpuMs(link.pid())];
  const startedMs = nowMs();
  const sent = await Promise.all(exits.workers.map((worker) => worker.ask("report", { seconds })));
  const elapsedMs = nowMs() - startedMs;
  const after = [(await office.ask("use")).cpuMs, cpuMs(link.pid())];
  const [officeCorePercent, natsCorePercent] = after.map((ms, i) => ((ms - before[i]!) / elapsedMs) * 100);
  return {
    exits: exits.count,
    accounts,
    perSecond: sum(sent) / (elapsedMs / 1000),
    officeCorePercent: officeCorePercent!,
    natsCorePercent: natsCorePercent!,
    refused: (await refused()) - refusedBefore,
  };
}

const RETURN_WAIT_MS = 300_000;

/**
 * `gone`: kills the office; what it resolves with changes accounts while there is none; `back`: another office on the same store.
 */
export async function measureReturn(options: {
  accounts: number;
  exits: Exits;
  link: Link;
  wholeBytes: number;
  change: () => Promise<Extended[]>;
  back: () => Promise<Worker<OfficeTasks>>;
}): Promise<{ figures: ReturnFigures; office: Worker<OfficeTasks> }> {
  const { accounts, exits, link, wholeBytes, change, back } = options;
  await link.kill();
  const changed = await change();
  await Promise.all(exits.workers.map((worker) => worker.ask("resetCounts")));
  const startedMs = nowMs();
  const office = await back();
  const backMs = nowMs();
  const natsBefore = cpuMs(link.pid());
  const officeBefore = (await office.ask("use")).cpuMs;
  const expected = changed.map(({ username, untilMinutes }) => ({ username, untilMinutes }));
  const states = () => Promise.all(exits.workers.map((worker) => worker.ask("state", { expected })));
  let now = await states();
  while (sum(now.map(({ right }) => right)) < exits.count && nowMs() < backMs + RETURN_WAIT_MS) {
    await wait(500);
    now = await states();
  }
  const endMs = nowMs();
  const right = sum(now.map((state) => state.right));
  // Those that are not right by now count as if they had been at the end.
  const latencies = now
    .flatMap(({ lastChangeMs }) => lastChangeMs)
    .map((atMs) => (atMs === 0 || right < exits.count ? endMs : atMs) - backMs);
  const bytes = now.flatMap((state) => state.bytes);
  const events: Record<string, number> = {};
  for (const state of now)
    for (const [event, count] of Object.entries(state.events)) events[event] = (events[event] ?? 0) + count;
  return {
    office,
    figures: {
      exits: exits.count,
      accounts,
      changed: changed.length,
      officeStartMs: backMs - startedMs,
      latencyMs: spread(latencies),
      fetchedBytes: sum(bytes) / bytes.length,
      fetchedBytesMost: Math.max(...bytes),
      wholeBytes,
      rollbacks: sum(now.map(({ rollbacks }) => rollbacks)),
      events,
      officeCpuMs: (await office.ask("use")).cpuMs - officeBefore,
      natsCpuMs: cpuMs(link.pid()) - natsBefore,
    },
  };
}
