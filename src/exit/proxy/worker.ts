import type { Socket } from "node:net";
import type { Log } from "../../lib/event-log.ts";
import type { Authoriser } from "../authorise.ts";
import { createEgressPolicy } from "../egress.ts";
import type { PortRequests } from "../low-ports.ts";
import type { ListeningReport, ProxySettings } from "../messages.ts";
import type { ProxyContext } from "./context.ts";
import { serveHttp } from "./http-server.ts";
import { type Endpoint, Listeners } from "./listeners.ts";
import { LiveList } from "./live-list.ts";
import { createLobby } from "./lobby.ts";
import { createOpener, createSelfTestOpener } from "./open.ts";
import { createResolver, type Resolve } from "./resolve.ts";
import { serveSocks5 } from "./socks5-server.ts";
import { Sweeper } from "./sweeper.ts";

/** Connections without a login that one worker holds at most; beyond, the oldest goes. */
const LOBBY_LIMIT = 4096;

export interface ProxyWorker {
  /** Follows new settings: live tunnels stay as they were made. Resolves with where the worker listens now. */
  apply(settings: Pick<ProxySettings, "settings" | "ownAddresses" | "resolvers">): Promise<ListeningReport[]>;
  /** Stops listening and ends every connection. */
  close(): void;
}

/** One proxy worker: SOCKS5 and HTTP on the settings' addresses. `resolve` takes the place of DNS in tests. */
export function createProxyWorker(options: {
  authoriser: Authoriser;
  log: Log;
  /** The socket file of the self-test's target; none: it is closed. */
  selfTestTarget?: string;
  resolve?: Resolve;
  /** Who is asked for ports that this process may not have. */
  ports?: PortRequests;
}): ProxyWorker {
  const sweeper = new Sweeper();
  const clients = new LiveList<Socket>();
  let context: ProxyContext | undefined;

  const serve = (handler: (client: Socket, context: ProxyContext) => void) => (client: Socket) => {
    const place = clients.add(client);
    client.once("close", () => clients.delete(place));
    if (context) handler(client, context);
    else client.destroy();
  };
  const listeners = new Listeners({
    serve: { socks5: serve(serveSocks5), http: serve(serveHttp) },
    log: options.log,
    ports: options.ports,
  });
  const openSelfTest = createSelfTestOpener(options.selfTestTarget, sweeper);
  const lobby = createLobby({ sweeper, limit: LOBBY_LIMIT });

  return {
    apply({ settings, ownAddresses, resolvers }) {
      const policy = createEgressPolicy({
        egress: settings.egress,
        ownAddresses: [...ownAddresses, ...settings.ownAddresses],
        sitePorts: settings.sitePorts,
      });
      const resolve = options.resolve ?? createResolver({ servers: resolvers });
      // A new object for new connections: those that live go on under the settings they began with.
      context = {
        authoriser: options.authoriser,
        open: createOpener({ policy, resolve, sweeper }),
        openSelfTest,
        limits: settings.limits,
        lobby,
        sweeper,
      };
      const { socks5, http } = settings.services;
      const endpoints: Endpoint[] = [
        ...(socks5?.listen ?? []).map((listen): Endpoint => ({ service: "socks5", ...listen })),
        ...(http?.listen ?? []).map((listen): Endpoint => ({ service: "http", ...listen })),
      ];
      return listeners.update(endpoints);
    },
    close() {
      listeners.close();
      for (const client of clients.filter(() => true)) client.destroy();
      sweeper.close();
    },
  };
}
