import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";

/** A PostgreSQL server of our own for tests: its cluster in a temporary folder, reached by a Unix socket alone. */
export interface TestCluster {
  /** Where its socket is. */
  folder: string;
  data: string;
  /** What it logs, as Debian's settings would have it log. */
  log: string;
  stop(): Promise<void>;
  /** Ends it as a crash does (SIGKILL); `start` has it come up again with what it had. */
  crash(): Promise<void>;
  start(): Promise<void>;
}

export const TEST_SUPERUSER = "lethe_test";
const PROGRAMS = "/usr/lib/postgresql";
const LEAST_MAJOR = 15;
const START_MS = 60_000;

/** Nothing is kept, so nothing is synced; the log and what stays in the files is as in a server that is for good. */
const SETTINGS = {
  listen_addresses: "",
  fsync: "off",
  synchronous_commit: "off",
  shared_buffers: "16MB",
  max_connections: "60",
  min_wal_size: "4MB",
  wal_recycle: "off",
  autovacuum: "off",
};

/** Why there can be none here; undefined where there can. */
export function whyNoCluster(): string | undefined {
  if (programs() === undefined)
    return `PostgreSQL ${LEAST_MAJOR} or newer is not installed (Debian: postgresql)`;
  if (spawnSync("setpriv", ["--version"]).status !== 0) return "setpriv (util-linux) is not installed";
  return undefined;
}

/**
 * Starts a server that ends with this process at the latest; `more` settings stand above ours. Throws where it does not come up.
 */
export async function startCluster(more: Record<string, string> = {}): Promise<TestCluster> {
  const bin = programs()!;
  const folder = mkdtempSync(join(tmpdir(), "lethe-postgres-"));
  const asUser = unprivileged();
  if (asUser) chownSync(folder, asUser.uid, asUser.gid);
  const data = join(folder, "data");
  const log = join(folder, "log");
  const become = asUser ? [`--reuid=${asUser.uid}`, `--regid=${asUser.gid}`, "--clear-groups"] : [];
  const made = spawnSync(
    "setpriv",
    [
      ...become,
      ...[join(bin, "initdb"), "-D", data, "-U", TEST_SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"],
      ...["--no-sync", "--no-instructions", "--wal-segsize=1"],
    ],
    { encoding: "utf8", cwd: "/", env: { PATH: process.env.PATH } },
  );
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const settings = Object.entries({ ...SETTINGS, ...more, unix_socket_directories: folder });
  const launch = (): ChildProcess => {
    const output = openSync(log, "a");
    const server = spawn(
      "setpriv",
      [
        ...become,
        // SIGQUIT: an end without delay; nothing of it is needed.
        ...["--pdeathsig=QUIT", join(bin, "postgres"), "-D", data],
        ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { stdio: ["ignore", output, output], cwd: "/", env: { PATH: process.env.PATH } },
    );
    closeSync(output);
    server.unref();
    return server;
  };
  let server: ChildProcess;
  const end = async (signal: "SIGQUIT" | "SIGKILL"): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
    server.ref();
    server.kill(signal);
    await ended;
  };
  const stop = async () => {
    await end("SIGQUIT");
    rmSync(folder, { recursive: true });
  };
  const start = async (tries: number): Promise<void> => {
    server = launch();
    const untilMs = Date.now() + START_MS;
    while (!(await answers(folder))) {
      const ended = server.exitCode !== null;
      // What a crash left of the former one can be in the way of the next for a moment.
      if (ended && --tries > 0) server = launch();
      else if (ended || Date.now() > untilMs) {
        const said = readFileSync(log, "utf8");
        await stop();
        throw new Error(`PostgreSQL did not come up: ${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await start(1);
  return { folder, data, log, stop, crash: () => end("SIGKILL"), start: () => start(50) };
}

async function answers(folder: string): Promise<boolean> {
  const client = new Client({ host: folder, user: TEST_SUPERUSER, database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

/** The folder of the newest server installed. */
function programs(): string | undefined {
  const majors = existsSync(PROGRAMS) ? readdirSync(PROGRAMS).map(Number) : [];
  const newest = majors
    .filter((major) => major >= LEAST_MAJOR)
    .toSorted((a, b) => b - a)
    .find((major) => existsSync(join(PROGRAMS, String(major), "bin", "postgres")));
  return newest === undefined ? undefined : join(PROGRAMS, String(newest), "bin");
}

/** PostgreSQL refuses to run as root: Debian's user for it, or nobody. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid!() !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const line =
    lines.find((each) => each.startsWith("postgres:")) ?? lines.find((each) => each.startsWith("nobody:"));
  const [, , uid = "65534", gid = "65534"] = line?.split(":") ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
