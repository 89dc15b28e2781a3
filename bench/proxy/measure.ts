import { setTimeout as delay } from "node:timers/promises";
import { idleTunnels, type Route, timedLoad } from "./load.ts";
import { machineBusySeconds, treeMemoryKiB, treeUse } from "./process-tree.ts";

/** What one contender did in one turn; raw, as it goes into the results. */
export interface Turn {
  oneStream: Transfer;
  manyStreams: Transfer;
  connections: Connections;
  /** Absent for the direct row. */
  idle?: { tunnels: number; growthKiB: number; processes: number; threads: number };
}

interface Timing {
  seconds: number;
  /** Processor seconds of the contender's whole tree; 0 for the direct row. */
  proxyCpuSeconds: number;
  loadCpuSeconds: number;
  targetCpuSeconds: number;
  /** Processor seconds that the rest of the machine took meanwhile: what disturbed. */
  elsewhereCpuSeconds: number;
}
export type Transfer = Timing & { bytes: number };
export type Connections = Timing & { done: number; failed: number };

export interface Durations {
  warmMs: number;
  measureMs: number;
  idleTunnels: number;
  settleMs: number;
}

export const streams = 32;
export const clients = 32;

/** One turn. `pids` are the roots of the contender's trees, none for the direct row. */
export async function takeTurn(
  route: Route,
  pids: readonly number[],
  targetPid: number,
  durations: Durations,
): Promise<Turn> {
  const timed = async (mode: "streams" | "connections", count: number, warmMs: number) => {
    const sample = (load: number) => ({
      proxy: treeUse(pids).cpuSeconds,
      load: treeUse([load]).cpuSeconds,
      target: treeUse([targetPid]).cpuSeconds,
      machine: machineBusySeconds(),
    });
    let before = sample(0);
    let after = before;
    const measured = await timedLoad(
      route,
      { mode, count, warmMs, measureMs: durations.measureMs },
      (load) => {
        before = sample(load);
      },
      (load) => {
        after = sample(load);
      },
    );
    const proxy = after.proxy - before.proxy;
    const load = after.load - before.load;
    const target = after.target - before.target;
    const elsewhere = after.machine - before.machine - proxy - load - target;
    const timing: Timing = {
      seconds: round(measured.seconds),
      proxyCpuSeconds: round(proxy),
      loadCpuSeconds: round(load),
      targetCpuSeconds: round(target),
      elsewhereCpuSeconds: round(Math.max(0, elsewhere)),
    };
    return { measured, timing };
  };

  let idle: Turn["idle"];
  if (pids.length > 0) {
    // A first touch, so that what is allocated once is not counted as the tunnels'.
    await idleTunnels(route, 20, async () => {});
    await delay(durations.settleMs);
    const before = treeMemoryKiB(pids);
    idle = await idleTunnels(route, durations.idleTunnels, async () => {
      await delay(durations.settleMs);
      const { processes, threads } = treeUse(pids);
      return { tunnels: durations.idleTunnels, growthKiB: treeMemoryKiB(pids) - before, processes, threads };
    });
    await delay(durations.settleMs);
  }
  const one = await timed("streams", 1, durations.warmMs);
  const many = await timed("streams", streams, durations.warmMs);
  // A longer warm-up: here more of a contender's code is touched than bytes are moved.
  const connections = await timed("connections", clients, 5 * durations.warmMs);
  return {
    oneStream: { ...one.timing, bytes: one.measured.done },
    manyStreams: { ...many.timing, bytes: many.measured.done },
    connections: {
      ...connections.timing,
      done: connections.measured.done,
      failed: connections.measured.failed,
    },
    ...(idle && { idle }),
  };
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
