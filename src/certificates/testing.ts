import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { newKey, openssl } from "../lib/openssl.ts";
import { findProgram } from "../lib/run-command.ts";
import { freePorts } from "../lib/testing.ts";
import type { Pair } from "./pair.ts";

/** A certificate for tests, signed by its own key. */
export function selfSigned(names: readonly string[], days = 10, key = newKey()): Pair {
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
 * `inside`: how a program is called in the namespace where it is to run. `addresses`: IPv4, by name, of those that are not on loopback.
 */
export async function startPebble(
  options: {
    challengePort?: number;
    inside?: (argv: string[]) => string[];
    addresses?: Record<string, string>;
  } = {},
): Promise<Pebble | undefined> {
  if (findProgram("pebble") === undefined) return undefined;
  const { inside = (argv) => argv } = options;
  const [port, management, names, namesManagement, free] = await freePorts(5);
  const challengePort = options.challengePort ?? free!;
  const folder = mkdtempSync(join(tmpdir(), "lethe-pebble-"));
  const own = selfSigned(["127.0.0.1", "localhost"]);
  const authority = join(folder, "cert.pem");
  writeFileSync(authority, own.certificate);
  writeFileSync(join(folder, "key.pem"), own.key, { mode: 0o600 });
  const settings = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: authority,
    privateKey: join(folder, "key.pem"),
    httpPort: challengePort,
    tlsPort: challengePort,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
    domainBlocklist: [BLOCKED_NAME],
  };
  const file = join(folder, "pebble.json");
  writeFileSync(file, JSON.stringify({ pebble: settings }));
  const run = (argv: string[], env: Record<string, string> = {}): ChildProcess => {
    const [program = "", ...args] = inside(argv);
    return spawn(program, args, { stdio: "ignore", env: { PATH: process.env.PATH, ...env } });
  };
  const off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
  const nameServer = ["-dns01", `127.0.0.1:${names}`, "-management", `127.0.0.1:${namesManagement}`];
  const children = [
    run(["pebble-challtestsrv", ...nameServer, ...off]),
    // Without waits, refusals and shortcuts by chance; those are for people's own tests.
    run(["pebble", "-config", file, "-dnsserver", `127.0.0.1:${names}`], {
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: "0",
      PEBBLE_AUTHZREUSE: "0",
    }),
  ];
  const stop = async () => {
    await Promise.all(children.map(end));
    rmSync(folder, { recursive: true, force: true });
  };
  const get = async (url: string): Promise<string | undefined> => {
    const [program = "", ...args] = inside(["curl", "-sf", "--max-time", "5", "--cacert", authority, url]);
    return execFileAsync(program, args).then(
      ({ stdout }) => stdout,
      () => undefined,
    );
  };
  const directory = `https://127.0.0.1:${port}/dir`;
  const deadline = performance.now() + 20_000;
  while ((await get(directory)) === undefined) {
    if (performance.now() > deadline) {
      await stop();
      throw new Error("pebble did not come up");
    }
    await setTimeout(50);
  }
  for (const [name, address] of Object.entries(options.addresses ?? {})) {
    const record = JSON.stringify({ host: `${name}.`, addresses: [address] });
    const [program = "", ...args] = inside(
      ["curl", "-sf", "--max-time", "5", "--retry", "20", "--retry-connrefused", "--data", record].concat(
        `http://127.0.0.1:${namesManagement}/add-a`,
      ),
    );
    await execFileAsync(program, args);
  }
  const root = async () => (await get(`https://127.0.0.1:${management}/roots/0`)) ?? "";
  return { directory, authority: own.certificate, challengePort, root, stop };
}

const execFileAsync = promisify(execFile);

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  return gone;
}

export const randomName = (): string => `${randomBytes(6).toString("hex")}.example.net`;
