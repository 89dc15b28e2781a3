import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { SCRUBBED_ENVIRONMENT } from "../../lib/run-command.ts";
import { accepts } from "../accepts.ts";
import type { Door } from "../stealth/doors.ts";
import { dialled } from "./addresses.ts";

/** How OpenVPN's client of a test goes through a door: the lines for its configuration, and the end of it all. */
export interface Carrier {
  lines: string[];
  end: () => void;
}

const STARTS_WITHIN_MS = 8000;

/**
 * A member's stunnel to this door, its configuration on its standard input (stunnel(8), -fd). The certificate is not looked at
 * here: OpenVPN inside has the same, and checks it. Undefined where it does not come up.
 */
export async function stunnelCarrier(
  launcher: readonly string[],
  program: string,
  door: Door,
): Promise<Carrier | undefined> {
  const port = await freePort();
  const { address, port: to } = door.listen;
  const configuration = [
    ...[
      "foreground = quiet",
      "pid =",
      "syslog = no",
      "debug = emerg",
      "client = yes",
      "sslVersionMin = TLSv1.3",
    ],
    ...["[test]", `accept = 127.0.0.1:${port}`, `connect = ${dialled(address)}:${to}`, "sni ="],
  ].join("\n");
  const child = start([...launcher, program, "-fd", "0"]);
  child.stdin?.end(`${configuration}\n`);
  const end = (): void => void child.kill("SIGKILL");
  for (const endMs = performance.now() + STARTS_WITHIN_MS; performance.now() < endMs; ) {
    if (await accepts({ address: "127.0.0.1", port }))
      return { lines: [`remote 127.0.0.1 ${port} tcp4-client`], end };
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  end();
  return undefined;
}

/**
 * A member's obfs4proxy (pt-spec, section 3.3.2: it says its port as `CMETHOD obfs4 socks5 127.0.0.1:port`). `loginFile`: where
 * its certificate may be written for openvpn, which takes it from a file alone; there is nothing secret in it.
 */
export async function obfs4Carrier(
  launcher: readonly string[],
  [env, program]: readonly [env: string, obfs4proxy: string],
  door: Door,
  bridge: string,
  loginFile: string,
): Promise<Carrier | undefined> {
  const child = start([
    ...[...launcher, env, "TOR_PT_MANAGED_TRANSPORT_VER=1", "TOR_PT_CLIENT_TRANSPORTS=obfs4"],
    // It makes sure that there is such a folder, and writes nothing into it.
    ...["TOR_PT_STATE_LOCATION=/", "TOR_PT_EXIT_ON_STDIN_CLOSE=1", program],
  ]);
  const end = (): void => {
    child.kill("SIGKILL");
    rmSync(loginFile, { force: true });
  };
  const port = await saidPort(child);
  if (port === undefined) {
    end();
    return undefined;
  }
  writeFileSync(loginFile, `${bridge.slice(0, -1)}\n${bridge.slice(-1)}\n`);
  // Whatever our umask is.
  chmodSync(loginFile, 0o644);
  const { address, port: to } = door.listen;
  return {
    lines: [`remote ${dialled(address)} ${to} tcp-client`, `socks-proxy 127.0.0.1 ${port} "${loginFile}"`],
    end,
  };
}

function saidPort(child: ChildProcess): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  let said = "";
  const timer = setTimeout(() => resolve(undefined), STARTS_WITHIN_MS);
  child.stdout?.setEncoding("latin1").on("data", (text: string) => {
    said = (said + text).slice(-2000);
    const port = /^CMETHOD obfs4 socks5 127\.0\.0\.1:(\d{1,5})$/m.exec(said)?.[1];
    if (port !== undefined) resolve(Number(port));
  });
  child.on("close", () => resolve(undefined));
  return promise.finally(() => clearTimeout(timer));
}

function start([file, ...words]: readonly string[]): ChildProcess {
  const child = spawn(file!, words, {
    cwd: "/",
    env: SCRUBBED_ENVIRONMENT,
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  return child;
}

/** Of loopback, as the kernel gives it; somebody else could take it in between, and then the next round tells. */
function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
  });
  return promise;
}
