import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { newKey, openssl } from "../lib/openssl.ts";
import type { Pair } from "./pair.ts";

/** A certificate for tests, signed by its own key. */
export function selfSigned(names: readonly string[], days = 10): Pair {
  const key = newKey();
  const folder = mkdtempSync(join(tmpdir(), "lethe-certificate-"));
  try {
    const path = join(folder, "key.pem");
    writeFileSync(path, key, { mode: 0o600 });
    const san = `subjectAltName=${names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(",")}`;
    const form = ["-subj", "/CN=test", "-addext", san, "-days", String(days), "-key", path];
    return { certificate: openssl(() => ["req", "-x509", "-new", ...form]), key };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface Pebble {
  /** Its directory, on loopback. */
  directory: string;
  /** PEM: what the directory's own certificate must be checked with. */
  authority: string;
  /** Where it looks for the answers to challenges, whatever the name: 127.0.0.1 and this port. */
  challengePort: number;
  /** PEM of the root that what it issues leads to. */
  root(): Promise<string>;
  stop(): Promise<void>;
}

/** A name that it issues nothing for. */
export const BLOCKED_NAME = "blocked.example.net";

/**
 * Debian's pebble (RFC 8555, a test server) with a name server of its own that says 127.0.0.1 for every name. Nothing leaves
 * loopback. Undefined where the package is not installed. It needs `challengePort` free when it validates, not before.
 */
export async function startPebble(
  options: { challengePort?: number; days?: number } = {},
): Promise<Pebble | undefined> {
  try {
    execFileSync("pebble", ["-h"], { stdio: "ignore" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  }
  const [port, management, names, namesManagement, free] = await freePorts(5);
  const challengePort = options.challengePort ?? free!;
  const folder = mkdtempSync(join(tmpdir(), "lethe-pebble-"));
  const own = selfSigned(["127.0.0.1", "localhost"]);
  writeFileSync(join(folder, "cert.pem"), own.certificate);
  writeFileSync(join(folder, "key.pem"), own.key, { mode: 0o600 });
  const settings = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(folder, "cert.pem"),
    privateKey: join(folder, "key.pem"),
    httpPort: challengePort,
    tlsPort: challengePort,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
    domainBlocklist: [BLOCKED_NAME],
    ...(options.days !== undefined && { certificateValidityPeriod: options.days * 86_400 }),
  };
  const file = join(folder, "pebble.json");
  writeFileSync(file, JSON.stringify({ pebble: settings }));
  const nameServer = ["-dns01", `127.0.0.1:${names}`, "-http01", "", "-https01", "", "-tlsalpn01", ""];
  const children = [
    run("pebble-challtestsrv", [
      ...nameServer,
      "-defaultIPv6",
      "",
      "-management",
      `127.0.0.1:${namesManagement}`,
    ]),
    // Without waits and refusals by chance; those are for people's own tests.
    run("pebble", ["-config", file, "-dnsserver", `127.0.0.1:${names}`], {
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: "0",
    }),
  ];
  const stop = async () => {
    await Promise.all(children.map(end));
    rmSync(folder, { recursive: true, force: true });
  };
  const directory = `https://127.0.0.1:${port}/dir`;
  const deadline = performance.now() + 20_000;
  while ((await get(directory, own.certificate).catch(() => undefined)) === undefined) {
    if (performance.now() > deadline) {
      await stop();
      throw new Error("pebble did not come up");
    }
    await setTimeout(50);
  }
  const root = () => get(`https://127.0.0.1:${management}/roots/0`, own.certificate);
  return { directory, authority: own.certificate, challengePort, root, stop };
}

const run = (program: string, args: string[], env: Record<string, string> = {}): ChildProcess =>
  spawn(program, args, { stdio: "ignore", env: { PATH: process.env.PATH, ...env } });

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  return gone;
}

function get(url: string, ca: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request(url, { ca }, (answer) => {
    let text = "";
    answer.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    answer.on("end", () => (answer.statusCode === 200 ? resolve(text) : reject(new Error("refused"))));
  });
  asked.on("error", reject).end();
  return promise;
}

/** Ports of loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export const randomName = (): string => `${randomBytes(6).toString("hex")}.example.net`;
