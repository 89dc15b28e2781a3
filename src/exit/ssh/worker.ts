import type { Socket } from "node:net";
import ssh2 from "ssh2";
import type { Log } from "../../lib/event-log.ts";
import type { Authoriser } from "../authorise.ts";
import type { PortRequests } from "../low-ports.ts";
import type { ListeningReport, ProxySettings } from "../messages.ts";
import { Listeners } from "../proxy/listeners.ts";
import { LiveList } from "../proxy/live-list.ts";
import { LiveWays } from "../proxy/live-ways.ts";
import { createLobby, type Guest } from "../proxy/lobby.ts";
import { createSelfTestOpener } from "../proxy/open.ts";
import type { Resolve } from "../proxy/resolve.ts";
import { Sweeper } from "../proxy/sweeper.ts";
import { wayOut } from "../proxy/way-out.ts";
import { connectPlainFile, SshConnection } from "./connection.ts";
import type { SshContext } from "./context.ts";
import { writeTogether } from "./write-together.ts";

/** Connections without a login that one worker holds at most; beyond, the oldest goes. An exchange of keys costs more than a proxy's greeting. */
const LOBBY_LIMIT = 1024;
/** A phone that has left its network is noticed after so many unanswered calls. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVES_MISSED = 3;

/**
 * RFC 9142's recommendations, as far as `ssh2` has them; no SHA-1, no CBC, no compression (which leaks what is encrypted). Of the finite
 * fields only the smallest: the large ones cost us up to 80 times what curve25519 does, and a stranger who sends any number
 * nothing ("D(HE)at", CVE-2002-20001).
 */
const ALGORITHMS = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
  ],
  serverHostKey: ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"],
  cipher: ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr"],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compress: ["none"],
} as const;

export interface SshWorker {
  /** Follows new settings: live connections stay as they were made. Resolves with where the worker listens now. */
  apply(settings: Pick<ProxySettings, "settings" | "ownAddresses" | "resolvers">): Promise<ListeningReport[]>;
  /** Stops listening and ends every connection. */
  close(): void;
}

/** One SSH worker: tunnels on the settings' addresses. Throws where a host key is none. `resolve` takes the place of DNS in tests. */
export function createSshWorker(options: {
  authoriser: Authoriser;
  log: Log;
  /** Private keys as host-keys.ts gives them. */
  hostKeys: readonly string[];
  /** The socket file of the self-test's target; none: it is closed. */
  selfTestTarget?: string;
  resolve?: Resolve;
  ports?: PortRequests;
}): SshWorker {
  const sweeper = new Sweeper();
  const clients = new LiveList<Socket>();
  const lobby = createLobby({ sweeper, limit: LOBBY_LIMIT });
  const openSelfTest = createSelfTestOpener(options.selfTestTarget, sweeper, connectPlainFile);
  const ways = new LiveWays();
  let context: SshContext | undefined;

  const server = new ssh2.Server({
    hostKeys: [...options.hostKeys],
    algorithms: ALGORITHMS as unknown as NonNullable<
      ConstructorParameters<typeof ssh2.Server>[0]["algorithms"]
    >,
    ident: "Lethe",
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVES_MISSED,
  });

  /** `ssh2` says that a client is there once it has named its version; until then its socket waits here. */
  const arrived = new WeakMap<Socket, { guest: Guest; context: SshContext }>();
  server.on("connection", (client) => {
    const socket = (client as unknown as { _sock: Socket })._sock;
    const { guest, context: now } = arrived.get(socket)!;
    new SshConnection(client, socket, guest, now);
  });

  const serve = (socket: Socket): void => {
    const place = clients.add(socket);
    writeTogether(socket);
    socket.once("close", () => clients.delete(place));
    socket.on("error", () => socket.destroy());
    const now = context;
    if (now === undefined) return void socket.destroy();
    const guest = lobby.enter(socket, now.limits.handshakeMs);
    arrived.set(socket, { guest, context: now });
    socket.once("end", () => socket.end());
    server.injectSocket(socket);
  };
  const listeners = new Listeners({ serve: { ssh: serve }, log: options.log, ports: options.ports });

  return {
    apply(next) {
      const { settings } = next;
      const { open } = wayOut(next, { sweeper, ways, resolve: options.resolve });
      context = {
        authoriser: options.authoriser,
        open,
        openSelfTest,
        limits: settings.limits,
        lobby,
        sweeper,
      };
      const listen = settings.services.ssh?.listen ?? [];
      return listeners.update(listen.map((place) => ({ service: "ssh" as const, ...place })));
    },
    close() {
      listeners.close();
      for (const client of clients.filter(() => true)) client.destroy();
      sweeper.close();
    },
  };
}
