import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Login, Protocol } from "./load.ts";
import { startOurs } from "./ours.ts";
import { type DebianPackage, programs } from "./packages.ts";
import { freePort, type Running } from "./running.ts";

/** A proxy under test, freshly started for each of its turns. */
export interface Contender {
  id: string;
  title: string;
  protocol: Protocol;
  ours: boolean;
  package?: DebianPackage;
  /** `folder` is empty, on a short path, and may be passed through by every user. */
  start(folder: string): Promise<Running>;
}

/** The name has the shape of ours, twelve base32 characters. The password has eight: basic_ncsa_auth refuses to cut a longer one to what DES takes. */
export const login: Login = { user: "benchmemberx", password: "benchpwd" };
/** crypt(3) of the password, DES with the salt "ab": 3 us a check, so that no peer's figures hold a slow hash. */
const passwordHash = "abKpiB52Aj7YU";

const peers = fileURLToPath(new URL("peers/", import.meta.url));

const live = new Set<ChildProcess>();
process.once("exit", () => {
  // SIGTERM, since Dante's children outlive a mother that is killed.
  for (const child of live) child.kill("SIGTERM");
});

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const accepted = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  return accepted;
}

/** Starts a daemon that stays in the foreground, and waits until `port` takes connections. */
async function startDaemon(argv: string[], port: number): Promise<Running> {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { stdio: "ignore" });
  live.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve()).once("error", () => resolve());
  });
  let running = true;
  void ended.then(() => {
    running = false;
    live.delete(child);
  });
  const deadline = Date.now() + 10_000;
  while (!(await accepts(port))) {
    if (!running || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`${program} did not take connections`);
    }
    await delay(50);
  }
  return {
    port,
    pids: [child.pid ?? 0],
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** The configuration `name` from `peers/`, filled in and written into `folder`; gives its path. */
function configure(name: string, folder: string, port: number): string {
  const filled = readFileSync(join(peers, name), "utf8")
    .replaceAll("{port}", `${port}`)
    .replaceAll("{folder}", folder)
    .replaceAll("{user}", login.user)
    .replaceAll("{password}", login.password);
  const path = join(folder, name);
  writeFileSync(path, filled);
  return path;
}

async function startDante(folder: string): Promise<Running> {
  const port = await freePort();
  const passwd = join(folder, "passwd");
  const shadow = join(folder, "shadow");
  copyFileSync("/etc/passwd", passwd);
  appendFileSync(passwd, `${login.user}:x:64321:65534::/nonexistent:/usr/sbin/nologin\n`);
  writeFileSync(shadow, `${login.user}:${passwordHash}:20000::::::\n`, { mode: 0o600 });
  const privateUsers = ["unshare", "--mount", "sh", join(peers, "private-users.sh"), passwd, shadow];
  const config = configure("danted.conf", folder, port);
  return startDaemon([...privateUsers, programs["dante-server"], "-f", config], port);
}

async function startSquid(folder: string): Promise<Running> {
  const port = await freePort();
  writeFileSync(join(folder, "passwords"), `${login.user}:${passwordHash}\n`);
  return startDaemon([programs.squid, "-N", "-f", configure("squid.conf", folder, port)], port);
}

async function startMicrosocks(folder: string): Promise<Running> {
  const port = await freePort();
  const words = readFileSync(configure("microsocks.arguments", folder, port), "utf8")
    .trim()
    .split(/\s+/);
  return startDaemon([programs.microsocks, ...words], port);
}

async function startTinyproxy(folder: string): Promise<Running> {
  const port = await freePort();
  return startDaemon([programs.tinyproxy, "-d", "-c", configure("tinyproxy.conf", folder, port)], port);
}

export const contenders: readonly Contender[] = [
  {
    id: "lethe-socks5",
    title: "Lethe, SOCKS5",
    protocol: "socks5",
    ours: true,
    start: (folder) => startOurs(folder, "socks5", login),
  },
  {
    id: "lethe-http",
    title: "Lethe, HTTP CONNECT",
    protocol: "http",
    ours: true,
    start: (folder) => startOurs(folder, "http", login),
  },
  {
    id: "dante",
    title: "Dante, SOCKS5",
    protocol: "socks5",
    ours: false,
    package: "dante-server",
    start: startDante,
  },
  {
    id: "squid",
    title: "Squid, CONNECT",
    protocol: "http",
    ours: false,
    package: "squid",
    start: startSquid,
  },
  {
    id: "microsocks",
    title: "microsocks, SOCKS5",
    protocol: "socks5",
    ours: false,
    package: "microsocks",
    start: startMicrosocks,
  },
  {
    id: "tinyproxy",
    title: "tinyproxy, CONNECT",
    protocol: "http",
    ours: false,
    package: "tinyproxy",
    start: startTinyproxy,
  },
];

/** A fresh folder for one turn inside the run's own. */
export function turnFolder(runFolder: string, name: string): string {
  const folder = join(runFolder, name);
  mkdirSync(folder);
  chmodSync(folder, 0o711);
  return folder;
}
