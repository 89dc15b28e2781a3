import { type ChildProcess, execFile, type StdioOptions, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * How long something may take that nobody has promised a time for. Others use the machine as well, and what comes sooner is not
 * waited for.
 */
export const PATIENCE_MS = 90_000;

/** What a finished program said. `code` is null where a signal ended it (a time limit does). */
export interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  timeoutMs?: number;
  /** Written to the program's standard input, which is then closed. */
  input?: string;
  env?: Record<string, string>;
  cwd?: string;
}

/** Runs a program to its end. Never throws for an exit code: look at `code`. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [file = "", ...rest] = argv;
  return new Promise((resolve) => {
    const child = execFile(
      file,
      rest,
      {
        timeout: options.timeoutMs ?? PATIENCE_MS,
        killSignal: "SIGKILL",
        maxBuffer: 64 << 20,
        env: { ...process.env, ...options.env },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** As `run`, for steps that the lab cannot do without: throws with the program's words where the code is not 0. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} → ${code}\n${stderr}${stdout}`);
  return stdout;
}

/** A network namespace with a resolv.conf of its own (ip-netns(8): /etc/netns/NAME is laid over /etc). */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async create(resolver: string): Promise<void> {
    mkdirSync(`/etc/netns/${this.name}`, { recursive: true });
    writeFileSync(
      `/etc/netns/${this.name}/resolv.conf`,
      `nameserver ${resolver}\noptions timeout:2 attempts:1\n`,
    );
    await must(["ip", "netns", "add", this.name]);
    await this.must(["ip", "link", "set", "lo", "up"]);
  }

  /** `argv` as it has to be called to run inside. The program keeps the process id (`ip netns exec` execs). */
  inside(argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.name, ...argv];
  }

  run(argv: readonly string[], options?: RunOptions): Promise<Output> {
    return run(this.inside(argv), options);
  }

  must(argv: readonly string[], options?: RunOptions): Promise<string> {
    return must(this.inside(argv), options);
  }

  start(argv: readonly string[], stdio: StdioOptions = ["ignore", "pipe", "pipe"], env = {}): ChildProcess {
    const [file = "", ...rest] = this.inside(argv);
    const child = spawn(file, rest, { stdio, env: { ...process.env, ...env } });
    child.on("error", () => {});
    return child;
  }

  /** Ends every process inside and removes the namespace; what is already gone is no error. */
  async remove(): Promise<void> {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (let tries = 0; tries < 15; tries++) {
        const pids = (await run(["ip", "netns", "pids", this.name])).stdout
          .split("\n")
          .filter(Boolean)
          .map(Number);
        if (pids.length === 0) break;
        if (tries === 0 || signal === "SIGKILL") for (const pid of pids) signalIfAlive(pid, signal);
        await sleep(100);
      }
    }
    await run(["ip", "netns", "del", this.name]);
    rmSync(`/etc/netns/${this.name}`, { recursive: true, force: true });
  }
}

/** One end of a link: where, the device's name there, its addresses with their prefix lengths. */
export type LinkEnd = readonly [namespace: Namespace, device: string, ...addresses: string[]];

/** A veth pair between two namespaces, both ends up. */
export async function link(left: LinkEnd, right: LinkEnd): Promise<void> {
  const [[from, fromName], [to, toName]] = [left, right];
  const peer = ["type", "veth", "peer", "name", toName, "netns", to.name];
  await must(["ip", "link", "add", fromName, "netns", from.name, ...peer]);
  for (const [namespace, device, ...addresses] of [left, right]) {
    for (const address of addresses) {
      const more = address.includes(":") ? ["nodad"] : [];
      await namespace.must(["ip", "address", "add", address, "dev", device, ...more]);
    }
    await namespace.must(["ip", "link", "set", device, "up"]);
  }
}

export function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended by itself
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/**
 * Takes away what lab runs left behind whose process is dead: namespaces `lethe-<pid>-<number>-<role>`, folders
 * `lethe-<pid>-<number>-<random>` with the run folders of the providers in them. Nobody else's are touched. Gives the
 * names of the namespaces.
 */
export async function removeLeftovers(): Promise<string[]> {
  const known = (await run(["ip", "netns", "list"])).stdout
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "");
  const isDead = (name: string): boolean => {
    const pid = /^lethe-(\d+)-\d+-[A-Za-z0-9]+$/.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  };
  const dead = [...new Set([...known, ...namesIn("/etc/netns")])].filter(isDead);
  for (const name of dead) await new Namespace(name).remove();
  for (const name of namesIn(tmpdir()).filter(isDead)) {
    const folder = join(tmpdir(), name);
    for (const data of namesIn(folder))
      rmSync(runFolderOf(join(folder, data)), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
  return dead;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `/run/lethe/<instance>` of a provider with that data folder, as office/folders.ts names it. */
export const runFolderOf = (data: string): string =>
  join("/run/lethe", createHash("sha256").update(realpathSync(data)).digest("hex").slice(0, 8));

/** Ends a program, with SIGKILL where it does not heed the signal; resolves when it is gone. What runs below it is not its concern. */
export async function endProgram(
  child: ChildProcess | undefined,
  signal: NodeJS.Signals = "SIGTERM",
  patienceMs = 30_000,
): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await gone;
  clearTimeout(timer);
}

/**
 * Asks `look` again and again until it gives something; throws after `timeoutMs` with what was waited for, which is put into words
 * only then where it is a function.
 */
export async function until<T>(
  what: string | (() => string),
  timeoutMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  everyMs = 50,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end)
      throw new Error(`waited ${timeoutMs} ms in vain for ${typeof what === "string" ? what : what()}`);
    await sleep(everyMs);
  }
}

/**
 * `argv`, with `folder` in the place of /run/wireguard: where wireguard-go has its sockets is fixed, and network namespaces share
 * it. For what `ip netns exec` starts, which has mounts of its own.
 */
export const withOwnWireguard = (folder: string, argv: readonly string[]): string[] => [
  ...["sh", "-c", 'mkdir -p -m 0711 "$0" /run/wireguard && mount --bind "$0" /run/wireguard && exec "$@"'],
  ...[folder, ...argv],
];
