import { type ChildProcess, fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeeperStart, ProxyListening, ProxySettings, ProxyStart } from "../../src/exit/messages.ts";
import { systemClock, toMinutes } from "../../src/lib/clock.ts";
import { RosterPublisher } from "../../src/link/publisher.ts";
import type { ServerSettings } from "../../src/link/settings.ts";
import { generateSiteKey } from "../../src/link/site-key.ts";
import { UnixOfficeCarrier } from "../../src/link/unix-carrier.ts";
import type { Login } from "./load.ts";
import { freePort, type Running } from "./running.ts";

/** As on a machine with two cores (architecture.md: one proxy process a core). */
const PROXIES = 2;
const NOBODY = 65_534;
const START_TIMEOUT_MS = 15_000;

const exitEntry = fileURLToPath(new URL("../../src/exit/bundle.ts", import.meta.url));

/**
 * Our proxies as the exit runs them: a keeper that has its roster over the link from an office (here in this process),
 * and proxy processes that ask it about every login. The policy of where members may go is on; the loopback target is
 * opened the way a lab opens its networks.
 */
export async function startOurs(folder: string, service: "socks5" | "http", login: Login): Promise<Running> {
  const root = process.getuid?.() === 0;
  const account = root ? { uid: NOBODY, gid: NOBODY } : { uid: process.getuid!(), gid: process.getgid!() };
  const path = (name: string, owner: number, mode: number): string => {
    const made = join(folder, name);
    mkdirSync(made);
    if (root) chownSync(made, owner, account.gid);
    chmodSync(made, mode);
    return made;
  };
  const linkSocket = join(path("link", process.getuid!(), 0o710), "link.sock");
  const authoriseSocket = join(path("authorise", account.uid, 0o710), "authorise.sock");
  const sealedRoster = join(path("keeper", account.uid, 0o700), "roster.sealed");

  const key = generateSiteKey();
  const carrier = new UnixOfficeCarrier({ path: linkSocket, server: "bench1" });
  const publisher = new RosterPublisher({ key, clock: systemClock, carriers: [carrier], log: () => {} });
  const port = await freePort();
  const settings = serverSettings(service, port);
  publisher.setCredential(
    login.user,
    createHash("sha256").update(login.password).digest(),
    toMinutes(Date.now()) + 24 * 60,
  );
  publisher.setSettings(settings.server, settings);
  await publisher.start();

  const children: ChildProcess[] = [];
  const start = (part: "keeper" | "proxy"): ChildProcess => {
    const child = fork(exitEntry, [part], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    children.push(child);
    process.once("exit", () => child.kill("SIGKILL"));
    return child;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(endChild));
    await publisher.close();
  };

  try {
    const keeper = start("keeper");
    const ready = message(keeper, (sent) => isType(sent, "settings"));
    keeper.send({
      type: "start",
      server: settings.server,
      sitePublicKey: Buffer.from(key.publicKey).toString("base64"),
      link: { kind: "unix", path: linkSocket },
      authoriseSocket,
      sealedRoster,
      sealKey: randomBytes(32).toString("base64"),
      account,
      processes: { proxy: PROXIES, ssh: 1 },
    } satisfies KeeperStart);
    await ready;
    await Promise.all(
      Array.from({ length: PROXIES }, async () => {
        const proxy = start("proxy");
        const listening = message(proxy, (sent) => isType(sent, "listening") && bearsPort(sent, port));
        proxy.send({ type: "start", authoriseSocket, account } satisfies ProxyStart);
        proxy.send({
          type: "settings",
          settings,
          ownAddresses: ["127.0.0.1"],
          resolvers: [],
        } satisfies ProxySettings);
        await listening;
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pids: children.map((child) => child.pid ?? 0), stop };
}

function serverSettings(service: "socks5" | "http", port: number): ServerSettings {
  return {
    server: "bench1",
    host: "127.0.0.1",
    bandwidthMbit: 1000,
    ownAddresses: [],
    services: { [service]: { listen: [{ address: "127.0.0.1", port }] } },
    egress: { allow: ["127.0.0.0/8"], deny: [], denyPorts: [25] },
    limits: { connectionsPerCredential: 100_000, handshakeMs: 10_000, idleMs: 600_000 },
    dns: { forward: [] },
    sitePorts: [],
  };
}

const isType = (sent: unknown, type: string): boolean =>
  typeof sent === "object" && sent !== null && "type" in sent && sent.type === type;

function bearsPort(sent: unknown, port: number): boolean {
  const failed = (sent as ProxyListening).services.find((each) => each.failed !== undefined);
  if (failed !== undefined) throw new Error(`our proxy does not listen: ${failed.failed}`);
  return (sent as ProxyListening).services.some((each) => each.port === port);
}

/** Waits for the first message that `wanted` takes. */
function message(child: ChildProcess, wanted: (sent: unknown) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("our processes did not start in time")), START_TIMEOUT_MS);
    child.once("exit", (code) => reject(new Error(`our process ended with ${code}`)));
    child.on("message", (sent) => {
      try {
        if (!wanted(sent)) return;
        clearTimeout(late);
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(late);
}
