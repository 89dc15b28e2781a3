import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { programs } from "./packages.ts";

export type Protocol = "direct" | "socks5" | "http";

export interface Login {
  user: string;
  password: string;
}

/** Where a tunnel goes through and where it ends; all on 127.0.0.1. */
export interface Route {
  protocol: Protocol;
  port: number;
  targetPort: number;
  login: Login;
}

/** One run of `traffic.lua`: its pid, and its lines as they come. */
export interface Traffic {
  pid: number;
  /** The words of the next line. Throws with what the program said where it ended instead. */
  line(): Promise<string[]>;
  stop(): Promise<void>;
}

const script = fileURLToPath(new URL("traffic.lua", import.meta.url));
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function run(words: string[], firstLine: string): Traffic {
  const child = spawn(programs.luajit, [script, ...words], { stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  void ended.then(() => running.delete(child));
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.stdin.on("error", () => {}); // ended before it read: line() says so
  child.stdin.write(`${firstLine}\n`);
  const lines: Interface = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    async line() {
      const next = await iterator.next();
      if (!next.done) return next.value.split(" ");
      await ended;
      throw new Error(`the load ended: ${/[^/]*$/.exec(complaint.split("\n", 1)[0] ?? "")?.[0]}`);
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** The server at the far end of every tunnel; sends the file `content` where it is asked to flood. */
export async function startTarget(content: string): Promise<Traffic & { port: number }> {
  const target = run(["target", content], "");
  const [, port] = await target.line();
  return { ...target, port: Number(port) };
}

const loginLine = (route: Route): string => `${route.login.user} ${route.login.password}`;
const routeWords = (route: Route): string[] => [route.protocol, `${route.port}`, `${route.targetPort}`];

export interface Timed {
  mode: "streams" | "connections";
  count: number;
  warmMs: number;
  measureMs: number;
}

export interface Measured {
  /** Bytes received, or requests answered. */
  done: number;
  failed: number;
  seconds: number;
}

/** Runs a timed load; `atBegin` and `atEnd` are called at the two ends of the measured time. */
export async function timedLoad(
  route: Route,
  timed: Timed,
  atBegin: (pid: number) => void,
  atEnd: (pid: number) => void,
): Promise<Measured> {
  const { mode, count, warmMs, measureMs } = timed;
  const load = run([mode, ...routeWords(route), `${count}`, `${warmMs}`, `${measureMs}`], loginLine(route));
  await load.line();
  atBegin(load.pid);
  const [, done, failed, nanoseconds] = await load.line();
  atEnd(load.pid);
  await load.stop();
  return { done: Number(done), failed: Number(failed), seconds: Number(nanoseconds) / 1e9 };
}

/** Opens `count` tunnels in which nothing moves, calls `whileOpen`, and closes them. */
export async function idleTunnels<T>(route: Route, count: number, whileOpen: () => Promise<T>): Promise<T> {
  const load = run(["idle", ...routeWords(route), `${count}`], loginLine(route));
  await load.line();
  const result = await whileOpen();
  await load.stop();
  return result;
}
