import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import type { EngineSpec } from "../../lib/engines.ts";
import type { Reason } from "../../lib/event-log.ts";
import type { Account } from "../messages.ts";
import { placeTaken } from "../place-taken.ts";
import { uapiSet } from "./uapi.ts";

/** Where wireguard-go and `wg` look for a device's socket: fixed when they were built. */
const SOCKETS = "/run/wireguard";

export const uapiSocket = (device: string): string => `${SOCKETS}/${device}.sock`;

export const WIREGUARD_GO = "wireguard-go";

/**
 * wireguard-go, where the kernel has no WireGuard of its own. It reads the Internet, and so it is not root: an unprivileged
 * user that keeps CAP_NET_ADMIN, without which it gives up when it sets the device's MTU. The folder of its socket is root's;
 * the socket is made here and handed to it as file 3.
 */
export function wireguardGoEngine(options: {
  program: string;
  /** See `wireguardLauncher` (launcher.ts). */
  launcher: readonly string[];
  device: string;
  port: number;
  /** The exit's, base64: an engine with another key is another engine. */
  publicKey: string;
  account: Account;
}): EngineSpec {
  const { program, launcher, device, port, publicKey, account } = options;
  const socket = uapiSocket(device);
  return {
    id: "wireguard",
    part: "wireguard",
    argv: [program, "-f", device],
    launcher: [...launcher, "/usr/bin/env", "LOG_LEVEL=silent", "WG_PROCESS_FOREGROUND=1", "WG_UAPI_FD=3"],
    configuration: `# What wireguard-go runs with; it is told over its socket.\nListenPort = ${port}\nPublicKey = ${publicKey}\n`,
    leaves: [socket],
    prepare: async () => {
      // Another exit's on the same machine and folder, which a namespace of its own hides from us.
      if (existsSync(socket) && (await uapiSet(socket, [], 1000)) === undefined) return "another-exit";
      return udpPortTaken(port);
    },
    handOver: () => listeningSocket(socket, account),
    ready: async () => (await uapiSet(socket, [], 1000)) === undefined,
  };
}

/** Listens, is the engine's user's, and has no more to do with us once it has been handed over. */
async function listeningSocket(path: string, account: Account): Promise<{ fd: number; close: () => void }> {
  mkdirSync(SOCKETS, { recursive: true, mode: 0o755 });
  // The umask may have shut it: the engine looks at its socket's name, as its own user.
  const { mode } = statSync(SOCKETS);
  if ((mode & 0o011) !== 0o011) chmodSync(SOCKETS, (mode & 0o7777) | 0o011);
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(beside, resolve);
  });
  if (process.getuid!() === 0) chownSync(beside, account.uid, account.gid);
  chmodSync(beside, 0o600);
  // Closing takes away the name that it was bound to: by then it has another.
  renameSync(beside, path);
  // The number is not in Node's documentation; node:cluster hands sockets over by it.
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { fd, close: () => server.close() };
}

/** WireGuard listens on every address of both families, and cannot be told one. Where there is no IPv6, none of it is taken. */
async function udpPortTaken(port: number): Promise<Reason | undefined> {
  for (const address of ["0.0.0.0", "::"]) {
    const reason = await placeTaken("udp", address, port);
    if (reason === "EADDRINUSE" || reason === "EACCES") return reason;
  }
  return undefined;
}
