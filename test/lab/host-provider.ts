import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

/** `lethe up` on this machine's loopback, on free ports, as an operator starts it: no world around it. */
export const lethe = fileURLToPath(new URL("../../lethe", import.meta.url));
/** A user who is not root in every respect that Lethe can ask about, and may read this checkout wherever it lies. */
export const WITHOUT_ROOT = ["unshare", "--user", "--map-user=65534", "--map-group=65534"];

/** This test file's own, gone after it. */
export const folder = mkdtempSync(join(tmpdir(), "lethe-start-"));
const started = new Set<ChildProcess>();
after(async () => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
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
