import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { parseListen } from "./listen-address.ts";
import { siteServer } from "./site-server.ts";
import { OfficeStartError } from "./start-errors.ts";

/** Serves the site at `listen`, an address and a port. Throws OfficeStartError. */
export async function serveSite(site: Pick<Hono, "fetch">, listen: string): Promise<Server> {
  const { address, port } = parseListen(listen)!;
  const server = siteServer(site.fetch);
  await listening(server, () => server.listen(port, address)).catch((error: NodeJS.ErrnoException) => {
    const why: Record<string, string> = {
      EADDRINUSE: "another program has this port",
      EACCES: "ports below 1024 are not open to the site's user; put a TLS proxy in front",
      EADDRNOTAVAIL: "this machine does not have that address",
    };
    throw new OfficeStartError(
      `The site cannot listen on ${listen}: ${why[error.code ?? ""] ?? error.code}. Change site.listen in lethe.toml.`,
    );
  });
  return server;
}

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
