import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";

/**
 * How long a visitor may take: Node's own limits (a minute for the head, five for the whole request, none for reading the
 * answer) let one machine hold thousands of connections for nothing. No page or form here has more than 64 KB.
 */
const LIMITS = { headMs: 10_000, requestMs: 30_000, idleMs: 30_000, checkEveryMs: 2_000 };
/** Of all visitors together: well under what a process may have open, so that the store and the link go on. */
const CONNECTIONS_MOST = 2_000;

/** The HTTP server that the site answers on; it does not listen yet. */
export function siteServer(
  fetch: Parameters<typeof getRequestListener>[0],
  limits: typeof LIMITS = LIMITS,
): Server {
  const server = createServer(
    {
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkEveryMs,
    },
    getRequestListener(fetch),
  );
  // Without a byte either way: who does not read the answer is let go, too.
  server.timeout = limits.idleMs;
  server.maxConnections = CONNECTIONS_MOST;
  return server;
}
