import type { Socket } from "node:net";
import type { ProxyContext } from "./context.ts";

export function serveHttp(client: Socket, _context: ProxyContext): void {
  client.destroy();
}
