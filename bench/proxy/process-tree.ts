import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** What a set of processes and all their descendants have used, from /proc (proc(5)). */
export interface TreeUse {
  /** User and system time, also of descendants that ended and were waited for. */
  cpuSeconds: number;
  processes: number;
  threads: number;
}

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

interface Stat {
  pid: number;
  parent: number;
  cpuTicks: number;
  threads: number;
}

/** `pid (comm) state ppid …`: comm may hold spaces and brackets, so fields are counted from the last bracket. */
function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    threads: field(20),
  };
}

function tree(roots: readonly number[]): Stat[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
  const inside = new Set(roots);
  let size = 0;
  while (inside.size > size) {
    size = inside.size;
    for (const stat of all) if (inside.has(stat.parent)) inside.add(stat.pid);
  }
  return all.filter((stat) => inside.has(stat.pid));
}

export function treeUse(roots: readonly number[]): TreeUse {
  const stats = tree(roots);
  return {
    cpuSeconds: stats.reduce((sum, stat) => sum + stat.cpuTicks, 0) / ticksPerSecond,
    processes: stats.length,
    threads: stats.reduce((sum, stat) => sum + stat.threads, 0),
  };
}

/** Proportional set size of the whole tree in KiB: a page that several processes share is counted once. */
export function treeMemoryKiB(roots: readonly number[]): number {
  let sum = 0;
  for (const { pid } of tree(roots)) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
      sum += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // Ended since the tree was read.
    }
  }
  return sum;
}

/** Seconds that the machine's processors have worked since boot, for whomever. */
export function machineBusySeconds(): number {
  const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}
