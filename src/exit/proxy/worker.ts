import type { Socket } from "node:net";
import type { Pair } from "../../certificates/pair.ts";
import type { Log } from "../../lib/event-log.ts";
import type { Authoriser } from "../authorise.ts";
import type { PortRequests } from "../low-ports.ts";
import type { ListeningReport, PortPlace, ProxySettings } from "../messages.ts";
import type { ProxyContext } from "./context.ts";
import { serveHttp } from "./http-server.ts";
import { type Endpoint, Listeners } from "./listeners.ts";
import { LiveList } from "./live-list.ts";
import { LiveWays } from "./live-ways.ts";
import { createLobby } from "./lobby.ts";
import { createSelfTestOpener } from "./open.ts";
import type { Resolve } from "./resolve.ts";
import { serveSocks5 } from "./socks5-server.ts";
import { Sweeper } from "./sweeper.ts";
import { TlsDoor } from "./tls-door.ts";
import { wayOut } from "./way-out.ts";

/** Connections without a login that one worker holds at most; beyond, the oldest goes. */
const LOBBY_LIMIT = 4096;

export interface ProxyWorker {
  /** Follows new settings: live tunnels stay as they were made, but for what the operator now blocks. Resolves with where the worker listens now. */
  apply(
    settings: Pick<ProxySettings, "settings" | "ownAddresses" | "resolvers" | "pair">,
  ): Promise<ListeningReport[]>;
  /** Stops listening and ends every connection. */
  close(): void;
}

/** One proxy worker: SOCKS5 and HTTP, in the clear and inside TLS, on the settings' addresses. `resolve` takes the place of DNS in tests. */
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
  const ways = new LiveWays();
  let context: ProxyContext | undefined;

  const serve = (handler: (client: Socket, context: ProxyContext) => void) => (client: Socket) => {
    const place = clients.add(client);
    client.once("close", () => clients.delete(place));
    if (context) handler(client, context);
    else client.destroy();
  };
  const socks5Tls = new TlsDoor((client, context) => serveSocks5(client, context, "socks5-tls"));
  // A browser would rather have HTTP/2, whose tunnels share one connection and its losses: HTTP/1.1 is the one we speak.
  const https = new TlsDoor((client, context) => serveHttp(client, context, "https"), ["http/1.1"]);
  const listeners = new Listeners({
    serve: {
      socks5: serve(serveSocks5),
      http: serve(serveHttp),
      "socks5-tls": serve((client, context) => socks5Tls.enter(client, context)),
      https: serve((client, context) => https.enter(client, context)),
    },
    log: options.log,
    ports: options.ports,
  });
  const openSelfTest = createSelfTestOpener(options.selfTestTarget, sweeper);
  const lobby = createLobby({ sweeper, limit: LOBBY_LIMIT });

  /** Whether it can be shown: root has checked it, with the same OpenSSL. */
  function show(pair: Pair): boolean {
    try {
      for (const door of [socks5Tls, https]) door.show(pair);
      return true;
    } catch {
      options.log("certificate-refused", { reason: "malformed" });
      return false;
    }
  }

  return {
    async apply(next) {
      const { settings, pair } = next;
      const { policy, resolve, open } = wayOut(next, { sweeper, ways, resolve: options.resolve });
      // A new object for new connections: those that live go on under the settings they began with.
      context = {
        authoriser: options.authoriser,
        open,
        openSelfTest,
        udp: { policy, resolve, publicAddresses: new Set(settings.ownAddresses), ways },
        limits: settings.limits,
        lobby,
        sweeper,
      };
      const { services } = settings;
      const endpoints = (service: Endpoint["service"], listen: PortPlace[] = []): Endpoint[] =>
        listen.map((place) => ({ service, ...place }));
      const inTheClear = [
        ...endpoints("socks5", services.socks5?.listen),
        ...endpoints("http", services.http?.listen),
      ];
      const insideTls = [
        ...endpoints("socks5-tls", services.socks5Tls?.listen),
        ...endpoints("https", services.https?.listen),
      ];
      const shown = pair !== undefined && show(pair);
      const reports = await listeners.update(shown ? [...inTheClear, ...insideTls] : inTheClear);
      if (shown) return reports;
      const failed = insideTls.map((endpoint) => ({
        ...endpoint,
        protocol: "tcp" as const,
        failed: "no-certificate" as const,
      }));
      return [...reports, ...failed];
    },
    close() {
      listeners.close();
      for (const client of clients.filter(() => true)) client.destroy();
      sweeper.close();
    },
  };
}
