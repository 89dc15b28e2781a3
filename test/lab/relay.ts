/**
 * A way from this machine's loopback into a namespace: a socket file is seen from both sides. Inside the namespace this
 * program listens on the file and connects on: `node relay.ts <socket file> <address> <port>`.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { pathToFileURL } from "node:url";

function join(left: Socket, right: Socket): void {
  left.pipe(right);
  right.pipe(left);
  left.on("error", () => right.destroy());
  right.on("error", () => left.destroy());
}

/** Listens on 127.0.0.1 (a port of the system's choice where `port` is taken) and hands each connection to the file. */
export async function listenOnLoopback(
  port: number,
  socketFile: string,
): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => join(socket, connect(socketFile)));
  const listen = (wanted: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(wanted, "127.0.0.1", () => resolve());
    });
  await listen(port).catch(() => listen(0));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : port };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [socketFile = "", address = "", port = ""] = process.argv.slice(2);
  createServer((socket) => join(socket, connect(Number(port), address))).listen(socketFile);
}
