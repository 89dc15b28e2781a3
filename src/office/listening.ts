import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

/** Serves the commands at a socket that the office's own user and root alone can open. */
export async function serveControl(control: Hono, path: string): Promise<Server> {
  // Without the site's limits: the operator's commands may take as long as they take.
  const server = createServer(getRequestListener(control.fetch));
  rmSync(path, { force: true });
  await listening(server, () => server.listen(path));
  chmodSync(path, 0o600);
  return server;
}

function listening(server: Server, listen: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.once("listening", () => {
    server.off("error", reject);
    resolve();
  });
  listen();
  return promise;
}
