import { rmSync } from "node:fs";
import { systemClock } from "../../src/lib/clock.ts";
import type { EventCode, Log } from "../../src/lib/event-log.ts";
import { type ExitCarrier } from "../../src/link/carrier.ts";
import { CREDENTIALS } from "../../src/link/credentials.ts";
import { NatsExitCarrier } from "../../src/link/nats-exit-carrier.ts";
import { PackedTable } from "../../src/link/packed-table.ts";
import { RosterReplica } from "../../src/link/replica.ts";
import { encodeReport } from "../../src/link/reports.ts";
import { answerParent } from "./child.ts";
import { memoryBytes, nowMs } from "./figures.ts";

/**
 * Many exits in one process: each has its own connection to nats-server under its own nkey, and the product's own carrier and
 * replica, which verifies every signature and digest and decodes every change. What they share is memory: the first fetches the
 * whole roster, the others begin with forks of its table (packed-table.ts), so that a million rows are held once a process.
 */
export interface ExitsStart {
  exits: { server: string; seed: string }[];
  link: { servers: string[]; site: string; ca: string };
  /** The site's, raw. */
  publicKey: Uint8Array;
  /** At most so long an exit that has a roster waits after an outage; the product's (exit/keeper/keeper.ts) wait 30 s, after a short one half a second. */
  jitterMs: number;
  /** Where a lone exit keeps its roster over a restart, as the product's do, and the key. */
  seal?: { path: string; key: Uint8Array };
}

/** Counts what the carrier brings, before TLS and NATS's own lines. */
class CountingCarrier implements ExitCarrier {
  readonly #inner: ExitCarrier;
  bytes = 0;
  up = false;

  constructor(inner: ExitCarrier) {
    this.#inner = inner;
  }
  start = () => this.#inner.start();
  close = () => this.#inner.close();
  publishReport = (report: Uint8Array) => this.#inner.publishReport(report);
  onBroadcast(callback: (message: Uint8Array) => void): void {
    this.#inner.onBroadcast((message) => {
      this.bytes += message.length;
      callback(message);
    });
  }
  onUp(callback: () => void): void {
    this.#inner.onUp(() => {
      this.up = true;
      callback();
    });
  }
  onDown(callback: () => void): void {
    this.#inner.onDown(() => {
      this.up = false;
      callback();
    });
  }
  async request(message: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#inner.request(message);
    this.bytes += answer.length;
    return answer;
  }
}

interface SimulatedExit {
  server: string;
  carrier: CountingCarrier;
  replica: RosterReplica;
  table: PackedTable;
  /** When the table last changed (nowMs). */
  changedMs: number;
  /** When a change of one credential came by itself, by VPN username (nowMs). */
  arrived: Map<string, number>;
  /** The highest version seen. */
  version: number;
  rollbacks: number;
  settings: boolean;
}

const exits: SimulatedExit[] = [];
const events = new Map<string, number>();

function makeExit(start: ExitsStart, index: number, table: PackedTable): SimulatedExit {
  const { server, seed } = start.exits[index]!;
  const carrier = new CountingCarrier(new NatsExitCarrier({ ...start.link, server, seed }));
  const log: Log = (code: EventCode, fields) => {
    const event = fields?.reason === undefined ? code : `${code} ${fields.reason}`;
    events.set(event, (events.get(event) ?? 0) + 1);
  };
  const replica = new RosterReplica({
    server,
    publicKey: start.publicKey,
    carrier,
    clock: systemClock,
    log,
    table,
    jitterMs: start.jitterMs,
    ...(start.seal && { seal: start.seal }),
  });
  const exit: SimulatedExit = {
    server,
    carrier,
    replica,
    table,
    changedMs: 0,
    arrived: new Map(),
    version: 0,
    rollbacks: 0,
    settings: false,
  };
  replica.onChange((usernames) => {
    const atMs = nowMs();
    exit.changedMs = atMs;
    noteVersion(exit);
    if (usernames !== "all") for (const username of usernames) exit.arrived.set(username, atMs);
  });
  replica.onSettings(() => {
    exit.settings = true;
  });
  exits.push(exit);
  return exit;
}

function noteVersion(exit: SimulatedExit): void {
  const version = exit.replica.version ?? 0;
  if (version < exit.version) exit.rollbacks++;
  exit.version = Math.max(exit.version, version);
}

async function until(condition: () => boolean, what: string, timeoutMs: number): Promise<void> {
  const deadlineMs = nowMs() + timeoutMs;
  while (!condition()) {
    if (nowMs() > deadlineMs) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A good roster that the office has confirmed, and the server's own settings. */
const ready = (exit: SimulatedExit): boolean => exit.replica.timeMs() !== undefined && exit.settings;

const tasks = {
  /** Starts the exits; resolves when each has its roster. `firstMs`: from the first one's start to its whole roster. */
  async start(start: ExitsStart): Promise<{ firstMs: number; allMs: number }> {
    const startedMs = nowMs();
    const table = new PackedTable(CREDENTIALS);
    const first = makeExit(start, 0, table);
    first.replica.start();
    await until(() => ready(first), "the first roster", 120_000);
    const firstMs = nowMs() - startedMs;
    for (let index = 1; index < start.exits.length; index++) {
      makeExit(start, index, table.fork()).replica.start();
      // Not all TLS handshakes in one moment: an exit waits no longer than some seconds for its own.
      if (index % 10 === 0) await until(() => exits.slice(0, -10).every(ready), "rosters", 120_000);
    }
    await until(() => exits.every(ready), "all rosters", 120_000);
    return { firstMs, allMs: nowMs() - startedMs };
  },

  /**
   * When each exit here had a change (nowMs); those that have it not yet are left out. One that was asking the office at that
   * moment has fetched it with all else, at its last change.
   */
  arrivals({ username, untilMinutes }: { username: string; untilMinutes: number }): number[] {
    return exits.flatMap(({ replica, arrived, changedMs }) => {
      const atMs = arrived.get(username);
      if (atMs !== undefined) return [atMs];
      return replica.authorise(username)?.until === untilMinutes ? [changedMs] : [];
    });
  },

  /** Which exits have these credentials as they should be, and what became of each since `resetCounts`. */
  state({ expected }: { expected: { username: string; untilMinutes: number }[] }): {
    right: number;
    up: number;
    lastChangeMs: number[];
    bytes: number[];
    rollbacks: number;
    events: Record<string, number>;
  } {
    for (const exit of exits) noteVersion(exit);
    const right = exits.filter(({ replica }) =>
      expected.every(({ username, untilMinutes }) => replica.authorise(username)?.until === untilMinutes),
    );
    return {
      right: right.length,
      up: exits.filter(({ carrier }) => carrier.up).length,
      lastChangeMs: exits.map(({ changedMs }) => changedMs),
      bytes: exits.map(({ carrier }) => carrier.bytes),
      rollbacks: exits.reduce((sum, { rollbacks }) => sum + rollbacks, 0),
      events: Object.fromEntries(events),
    };
  },

  resetCounts(): void {
    for (const exit of exits) {
      exit.carrier.bytes = 0;
      exit.changedMs = 0;
      exit.arrived.clear();
    }
    events.clear();
  },

  /** Each exit's health each minute, spread over it, and (a fifth of them in a minute) totals of the last slot. */
  async report({ seconds }: { seconds: number }): Promise<number> {
    let sent = 0;
    const startMs = nowMs();
    const perMs = exits.length / 60_000;
    const services = ["openvpn", "socks5", "http", "dns"].map((service) => ({ service, healthy: true }));
    const minute = Math.floor(Date.now() / 60_000);
    const slot = Math.floor(Date.now() / 300_000) - 1;
    const dueMost = Math.round(perMs * seconds * 1000);
    for (let index = 0; index < dueMost; index++) {
      while (nowMs() < startMs + index / perMs)
        await new Promise((resolve) => setTimeout(resolve, Math.max(1, startMs + index / perMs - nowMs())));
      const { server, carrier } = exits[index % exits.length]!;
      carrier.publishReport(
        encodeReport({
          kind: "health",
          protocol: 2,
          server,
          minute: minute + Math.floor(index / exits.length),
          release: "0123456789ab",
          services,
        }),
      );
      sent++;
      if (index % 5 === 0) {
        const { server, carrier } = exits[(index / 5) % exits.length]!;
        carrier.publishReport(
          encodeReport({
            kind: "totals",
            protocol: 2,
            server,
            slot,
            inPercent: Math.floor(Math.random() * 60),
            outPercent: Math.floor(Math.random() * 60),
            services,
          }),
        );
        sent++;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, startMs + seconds * 1000 - nowMs()));
    return sent;
  },

  /** After a garbage collection where the process was started with one: what it has, and the most it ever had. */
  memory(): { rssBytes: number; mostBytes: number } {
    for (let round = 0; round < 3; round++) globalThis.gc?.();
    return { rssBytes: memoryBytes(process.pid, "VmRSS"), mostBytes: memoryBytes(process.pid, "VmHWM") };
  },

  use(): { cpuMs: number } {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000 };
  },

  close({ seal }: { seal?: string }): void {
    for (const { replica } of exits.splice(0)) replica.close();
    if (seal !== undefined) rmSync(seal, { force: true });
  },
};

export type ExitsTasks = typeof tasks;
answerParent(tasks);
