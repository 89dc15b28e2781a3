import { createServer, type Server } from "node:net";

/** Where a server listens. Two with `reusePort` share the port between processes (SO_REUSEPORT, socket(7)). */
export interface Place {
  address: string;
  port: number;
  reusePort?: boolean;
}

/**
 * Opens a listening socket for another process, which gets it over its IPC channel (ForkedChild.hand) and
 * takes it with `server.listen(handle)`. Whoever opens it reads no byte: should a connection come before it is handed over
 * and closed here, it is closed unread. Rejects with the operating system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL).
 */
export function openListening({ address, port, reusePort = false }: Place): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer({ pauseOnConnect: true }, (socket) => socket.destroy());
  server.once("error", reject);
  server.listen(
    { host: address, port, backlog: 4096, reusePort, ipv6Only: address.includes(":") },
    // Before the event loop turns, so before a connection could be taken here.
    () => resolve(server),
  );
  return promise;
}
