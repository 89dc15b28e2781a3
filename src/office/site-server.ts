import { createServer as createPlainServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { getRequestListener } from "@hono/node-server";
import { networkOf } from "../accounts/login-throttle.ts";
import type { Trusts } from "../web/client-address.ts";
import { isLoopback } from "./config-values.ts";

/**
 * How long a visitor may take: Node's own limits (a minute for the head, five for the whole request, none for reading the
 * answer, two for a TLS handshake) let one machine hold thousands of connections for nothing. No page or form here has more
 * than 64 KB.
 */
const LIMITS = { headMs: 10_000, requestMs: 30_000, idleMs: 30_000, checkEveryMs: 2_000 };
/** Of all visitors together: well under what a process may have open, so that the store and the link go on. */
const CONNECTIONS_MOST = 2_000;
/**
 * Of one network, or one machine that begins requests and never ends them would have all of them. As many as that, since the
 * members who are online through one exit come from one address.
 */
const NETWORK_CONNECTIONS_MOST = 250;
/**
 * Of one connection, which is closed then. Requests that do not wait for answers (HTTP pipelining, which no browser does) are all
 * worked on at once, and 64 KB hold more than a thousand.
 */
const REQUESTS_MOST = 100;

type Fetch = Parameters<typeof getRequestListener>[0];

interface Options {
  limits?: typeof LIMITS;
  networkMost?: number;
  /** Who stands for many visitors: the operator's proxies in front. Loopback alone where it is not said. */
  ownProxies?: Trusts;
}

const serverOptions = (limits: typeof LIMITS) => ({
  headersTimeout: limits.headMs,
  requestTimeout: limits.requestMs,
  connectionsCheckingInterval: limits.checkEveryMs,
});

function limited<Kind extends Server | SecureServer>(
  server: Kind,
  { limits = LIMITS, networkMost = NETWORK_CONNECTIONS_MOST, ownProxies = isLoopback }: Options,
): Kind {
  // Without a byte either way: who does not read the answer is let go, too.
  server.timeout = limits.idleMs;
  server.maxConnections = CONNECTIONS_MOST;
  server.maxRequestsPerSocket = REQUESTS_MOST;
  /** In memory, and of connections that are open alone. */
  const open = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress;
    if (address === undefined || ownProxies(address)) return;
    const network = networkOf(address);
    const count = (open.get(network) ?? 0) + 1;
    if (count > networkMost) {
      socket.destroy();
      return;
    }
    open.set(network, count);
    socket.once("close", () => {
      const left = open.get(network)! - 1;
      if (left === 0) open.delete(network);
      else open.set(network, left);
    });
  });
  return server;
}

/** The HTTP server that the site answers on; it does not listen yet. */
export function siteServer(fetch: Fetch, options: Options = {}): Server {
  return plainServer(getRequestListener(fetch), options);
}

/** An HTTP server with the site's limits. */
export function plainServer(answer: RequestListener, options: Options = {}): Server {
  return limited(createPlainServer(serverOptions(options.limits ?? LIMITS), answer), options);
}

/** What a certificate is given to the server with, each time anew. */
export const secureContext = (pair: { certificate: string; key: string }): SecureContextOptions => ({
  cert: pair.certificate,
  key: pair.key,
  minVersion: "TLSv1.2",
});

/** The HTTPS server that the site answers on: HTTP/1.1. Until `setSecureContext` gives it a certificate it ends handshakes with an alert. */
export function secureSiteServer(fetch: Fetch, options: Options = {}): SecureServer {
  const { limits = LIMITS } = options;
  const secure = {
    ...serverOptions(limits),
    minVersion: "TLSv1.2" as const,
    handshakeTimeout: limits.headMs,
  };
  return limited(createSecureServer(secure, getRequestListener(fetch)), options);
}
