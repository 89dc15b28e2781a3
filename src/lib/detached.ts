import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { SCRUBBED_ENVIRONMENT } from "./run-command.ts";
import type { RunningChild } from "./supervise.ts";

/**
 * Processes that outlive the one that started them. A pid alone says nothing, since numbers are given again: a process is
 * the same one when its start time (field 22 of /proc/PID/stat, proc(5), clock ticks since boot) and its arguments are.
 */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
  argv: readonly string[];
}

/** Start time and arguments of a living process; nothing where there is none, or where it is a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in brackets, and may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const startTime = fields[19];
    if (startTime === undefined || fields[0] === "Z" || fields[0] === "X") return undefined;
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    return { pid, startTime, argv };
  } catch {
    return undefined;
  }
}

const sameArguments = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((word, index) => word === other[index]);

export function stillRuns(process: ProcessIdentity): boolean {
  const now = identify(process.pid);
  return now !== undefined && now.startTime === process.startTime && sameArguments(now.argv, process.argv);
}

/**
 * Every living process with exactly these arguments: for those whose record was lost in a crash. Those of a container are
 * another machine's, which may well run the same engines on the same paths.
 */
export function findByArguments(argv: readonly string[]): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const candidate = identify(Number(entry));
    if (candidate !== undefined && sameArguments(candidate.argv, argv) && !isElsewhere(candidate.pid))
      found.push(candidate);
  }
  return found;
}

const isElsewhere = (pid: number): boolean => isInContainer(pid) || hasOtherNetwork(pid);

/** What is in another network namespace (network_namespaces(7)) takes no port of ours. Who may not look takes it for ours. */
function hasOtherNetwork(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync("/proc/self/ns/net");
  } catch {
    return false;
  }
}

/** NSpid (proc(5)): its number here, then one for each namespace of processes below ours that it is in. */
function isInContainer(pid: number): boolean {
  try {
    return /^NSpid:\t\d+\t/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

/** A living process that is not our child: watched by polling, at most 250 ms late. */
export function adopt(identity: ProcessIdentity, pollMs = 200): RunningChild {
  const { promise: exited, resolve } = Promise.withResolvers<number | undefined>();
  const poll = setInterval(() => {
    if (stillRuns(identity)) return;
    clearInterval(poll);
    resolve(undefined);
  }, pollMs);
  poll.unref();
  const signal = (name: "SIGTERM" | "SIGKILL"): void => {
    // Between the look and the signal the number could be given away: a window of microseconds against a whole cycle of pids.
    if (stillRuns(identity)) process.kill(identity.pid, name);
  };
  return { pid: identity.pid, exited, terminate: () => signal("SIGTERM"), kill: () => signal("SIGKILL") };
}

/** How long a launcher may take to become the program it launches. */
const BECOMES_WITHIN_MS = 2000;

/**
 * Starts a program in a session of its own, with /dev/null as its three files and an empty environment, and does not keep
 * us alive for it. `launcher` is a program that prepares and then becomes `argv` (setpriv); `file3` an open file that it gets
 * as its file 3, `input` one for its standard input. Throws where it cannot be executed.
 */
export async function launchDetached(
  argv: readonly string[],
  launcher: readonly string[] = [],
  file3?: number,
  input?: number,
): Promise<RunningChild & { identity: ProcessIdentity }> {
  const [program, ...words] = [...launcher, ...argv];
  const child = spawn(program!, words, {
    cwd: "/",
    detached: true,
    env: SCRUBBED_ENVIRONMENT,
    stdio: [input ?? "ignore", "ignore", "ignore", ...(file3 === undefined ? [] : [file3])],
  });
  child.unref();
  const { promise: exited, resolve } = Promise.withResolvers<number | undefined>();
  child.on("exit", (code) => resolve(code ?? undefined));
  await new Promise<void>((started, failed) => {
    child.once("spawn", started);
    child.once("error", failed);
  });
  const pid = child.pid!;
  return {
    pid,
    identity: await become(pid, argv),
    exited,
    terminate: () => child.kill("SIGTERM"),
    kill: () => child.kill("SIGKILL"),
  };
}

/** Who the process is once it is the program itself; one that ends before is nobody, which its exit tells as well. */
async function become(pid: number, argv: readonly string[]): Promise<ProcessIdentity> {
  for (let waitedMs = 0; waitedMs < BECOMES_WITHIN_MS; waitedMs += 5) {
    const identity = identify(pid);
    if (identity === undefined) break;
    if (sameArguments(identity.argv, argv)) return identity;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { pid, startTime: "", argv };
}
