import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { commandLine } from "./machine.ts";
import { endProgram, signalIfAlive } from "./namespace.ts";

/** `lethe up` on this machine's loopback, on free ports, as an operator starts it: no world around it. */
export const lethe = fileURLToPath(new URL("../../lethe", import.meta.url));
/** A user who is not root in every respect that Lethe can ask about, and may read this checkout wherever it lies. */
export const WITHOUT_ROOT = ["unshare", "--user", "--map-user=65534", "--map-group=65534"];

/** This test file's own, gone after it. */
export const folder = mkdtempSync(join(tmpdir(), `lethe-${process.pid}-3-`));
const started = new Set<ChildProcess>();
after(async () => {
  // A supervisor that is killed leaves what it has started: it is asked first.
  await Promise.all([...started].map((child) => endProgram(child)));
  for (const pid of pidsNaming(folder)) signalIfAlive(pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Processes with that text in their command line. */
function pidsNaming(text: string): number[] {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((pid) => pid !== process.pid && commandLine(pid).includes(text));
}

const given = new Set<number>();

/** One that nobody listens at. Not of those that the kernel gives to whoever asks for any (ip(7), ip_local_port_range): the others at work here do. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + randomInt(12_000);
    if (given.has(port)) continue;
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    if (!(await promise)) continue;
    await new Promise((closed) => server.close(closed));
    given.add(port);
    return port;
  }
}

/** A data folder with a lethe.toml of free ports. */
export async function dataFolder(name: string): Promise<{ data: string; text: string; site: number }> {
  const [site, socks5, http, openvpn] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const text = [
    `[site]\nlisten = "127.0.0.1:${site}"`,
    `[openvpn]\nudp = ["127.0.0.1:${openvpn}"]\ntcp = []`,
    `[socks5]\nlisten = ["127.0.0.1:${socks5}"]`,
    `[http_proxy]\nlisten = ["127.0.0.1:${http}"]`,
    // Nobody out there is asked anything.
    `[dns]\nforward = ["127.0.0.1"]\nvalidate = false\n`,
  ];
  const data = join(folder, name);
  mkdirSync(data, { recursive: true });
  writeFileSync(join(data, "lethe.toml"), text.join("\n"));
  return { data, text: text.join("\n"), site: site! };
}

export function up(
  data: string,
  prefix: string[] = [],
): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
  const [file, ...args] = [...prefix, lethe, "up", "--data", data];
  const child = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe"] });
  started.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  const ended = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => {
      started.delete(child);
      resolve(code);
    }),
  );
  return { child, said: () => text, ended };
}
