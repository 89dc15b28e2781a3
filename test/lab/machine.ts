import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Namespace, PATIENCE_MS, run, until } from "./namespace.ts";

/** What a machine has on a disk of its own; a path that the host has is copied at the first boot. */
const DISK = ["/etc", "/opt", "/var/lib/unbound"] as const;
const COPIED = new Set<string>(["/etc", "/var/lib/unbound"]);

/**
 * A machine of its own as far as software can tell, on this one's kernel and programs: network, processes and disk are its
 * own, `/run` is its memory. `powerOff` ends it as a pulled plug does; what was on its disk is there at the next `boot`.
 */
export class Machine extends Namespace {
  /** Its disk as it lies on the host: `etc`, `opt`, … */
  readonly disk: string;
  #holder: ChildProcess | undefined;
  #init = 0;

  /** `folder` belongs to this machine; made at the first boot. */
  constructor(name: string, folder: string) {
    super(name);
    this.disk = folder;
  }

  async boot(): Promise<void> {
    mkdirSync(this.disk, { recursive: true, mode: 0o755 });
    const script = [
      "set -e",
      "mount --make-rprivate /",
      ...DISK.flatMap((path) => {
        const own = join(this.disk, path.slice(1).replaceAll("/", "-"));
        const copy = COPIED.has(path) ? ` && { [ ! -d ${path} ] || cp -a ${path}/. ${own}; }` : "";
        return [
          `[ -d ${own} ] || { mkdir -p -m 0755 ${own}${copy}; }`,
          `[ ! -d ${path} ] || mount --bind ${own} ${path}`,
        ];
      }),
      "mount -t tmpfs -o mode=0755 lab-run /run",
      // libfaketime shares memory with what a process becomes, and ends it where that is another user: without a place for
      // it, it goes on alone.
      "[ ! -e /etc/ld.so.preload ] || mount -t tmpfs -o ro lab-shm /dev/shm",
      "echo ready",
      // Process 1 has to take in what others leave behind: the shell's wait does.
      "while :; do sleep 3600 & wait; done",
    ].join("\n");
    const apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"];
    // The program is in no namespace of processes yet: `super.inside` is that of the network alone.
    const [file = "", ...words] = super.inside([...apart, "sh", "-c", script]);
    const holder = spawn(file, words, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [holder.stdout, holder.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    }
    this.#holder = holder;
    await until(
      () => `${this.name} to start (${said})`,
      PATIENCE_MS,
      () => {
        if (holder.exitCode !== null) throw new Error(`${this.name} did not start: ${said}`);
        return said.includes("ready");
      },
    );
    this.#init = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").trim());
  }

  get running(): boolean {
    return this.#holder !== undefined && this.#holder.exitCode === null && this.#holder.signalCode === null;
  }

  /** The host's process id of its process 1; `/proc/<it>/root` is its file system. */
  get init(): number {
    return this.#init;
  }

  /** `argv` as it has to be called on the host to run inside; nsenter stays as its parent, since the processes are the machine's own. */
  override inside(argv: readonly string[]): string[] {
    if (!this.running) return super.inside(argv);
    return ["nsenter", "--target", String(this.#init), "--mount", "--net", "--pid", "--", ...argv];
  }

  /**
   * How far its wall clock is off for what starts from now on (`+1h`, `-1d`; undefined: right), whatever environment it is
   * started with (ld.so(8), /etc/ld.so.preload; libfaketime(1)). What runs must be started again: libfaketime moves the monotonic clock
   * as well, by an amount that stays the same for a process that starts with it. Go's programs (nats-server) read the right
   * time: they ask the kernel without libc.
   */
  setClock(offset: string | undefined): void {
    const preload = join(this.disk, "etc", "ld.so.preload");
    if (offset === undefined) {
      rmSync(preload, { force: true });
      return;
    }
    writeFileSync(join(this.disk, "etc", "faketimerc"), `${offset}\n`);
    writeFileSync(preload, `${libfaketime()}\n`);
  }

  /** Every process on it, by the host's numbers. */
  async pids(): Promise<number[]> {
    const { stdout } = await run(["ip", "netns", "pids", this.name]);
    return stdout.split("\n").filter(Boolean).map(Number);
  }

  /** Those whose command line matches, by the host's numbers. */
  async pidsMatching(pattern: RegExp): Promise<number[]> {
    return (await this.pids()).filter((pid) => pattern.test(commandLine(pid)));
  }

  /** Ends every process at once. The disk stays; what was in memory is gone. */
  async powerOff(): Promise<void> {
    const holder = this.#holder;
    if (holder === undefined || !this.running) return;
    const gone = new Promise((resolve) => holder.once("exit", resolve));
    process.kill(this.#init, "SIGKILL");
    await gone;
  }

  override async remove(): Promise<void> {
    await this.powerOff();
    await super.remove();
  }
}

/** Debian's, which lies under the name of the architecture. */
function libfaketime(): string {
  const found = readdirSync("/usr/lib")
    .map((folder) => join("/usr/lib", folder, "faketime", "libfaketime.so.1"))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error("libfaketime is not installed");
  return found;
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
