import { createServer as createPlainServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { getRequestListener } from "@hono/node-server";

/**
 * How long a visitor may take: Node's own limits (a minute for the head, five for the whole request, none for reading the
 * answer, two for a TLS handshake) let one machine hold thousands of connections for nothing. No page or form here has more
 * than 64 KB.
 */
const LIMITS = { headMs: 10_000, requestMs: 30_000, idleMs: 30_000, checkEveryMs: 2_000 };
/** Of all visitors together: well under what a process may have open, so that the store and the link go on. */
const CONNECTIONS_MOST = 2_000;
/**
 * Of one connection, which is closed then. Requests that do not wait for answers (HTTP pipelining, which no browser does) are all
 * worked on at once, and 64 KB hold more than a thousand.
 */
const REQUESTS_MOST = 100;

type Fetch = Parameters<typeof getRequestListener>[0];

const serverOptions = (limits: typeof LIMITS) => ({
  headersTimeout: limits.headMs,
  requestTimeout: limits.requestMs,
  connectionsCheckingInterval: limits.checkEveryMs,
});

function limited<Kind extends Server | SecureServer>(server: Kind, limits: typeof LIMITS): Kind {
  // Without a byte either way: who does not read the answer is let go, too.
  server.timeout = limits.idleMs;
  server.maxConnections = CONNECTIONS_MOST;
  server.maxRequestsPerSocket = REQUESTS_MOST;
  return server;
}

/** The HTTP server that the site answers on; it does not listen yet. */
export function siteServer(fetch: Fetch, limits: typeof LIMITS = LIMITS): Server {
  return plainServer(getRequestListener(fetch), limits);
}

/** An HTTP server with the site's limits. */
export function plainServer(answer: RequestListener, limits: typeof LIMITS = LIMITS): Server {
  return limited(createPlainServer(serverOptions(limits), answer), limits);
}

/** What a certificate is given to the server with, each time anew. */
export const secureContext = (pair: { certificate: string; key: string }): SecureContextOptions => ({
  cert: pair.certificate,
  key: pair.key,
  minVersion: "TLSv1.2",
});

/** The HTTPS server that the site answers on: HTTP/1.1. Until `setSecureContext` gives it a certificate it ends handshakes with an alert. */
export function secureSiteServer(fetch: Fetch, limits: typeof LIMITS = LIMITS): SecureServer {
  const options = {
    ...serverOptions(limits),
    minVersion: "TLSv1.2" as const,
    handshakeTimeout: limits.headMs,
  };
  return limited(createSecureServer(options, getRequestListener(fetch)), limits);
}
