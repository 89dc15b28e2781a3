import { createSocket } from "node:dgram";
import { createServer, isIPv6 } from "node:net";
import { type Reason, reasonOf } from "../lib/event-log.ts";

/** Why an engine could not listen there, tried by listening for an instant; nothing where it could. */
export function placeTaken(
  protocol: "udp" | "tcp",
  address: string,
  port: number,
): Promise<Reason | undefined> {
  const { promise, resolve } = Promise.withResolvers<Reason | undefined>();
  const ipv6Only = isIPv6(address);
  if (protocol === "udp") {
    const socket = createSocket({ type: ipv6Only ? "udp6" : "udp4", ipv6Only });
    socket.once("error", (error) => resolve(reasonOf(error)));
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  } else {
    const server = createServer();
    server.once("error", (error) => resolve(reasonOf(error)));
    server.listen({ host: address, port, ipv6Only }, () => server.close(() => resolve(undefined)));
  }
  return promise;
}
