import { connect, createServer, type Server, type Socket } from "node:net";

/** Stands in a TCP connection and counts what passes, TLS and all: what a wire would have carried, less TCP's own headers. */
export interface Relay {
  port: number;
  /** Bytes to and from whoever connected, since the last time this was asked. */
  take(): { down: number; up: number };
  close(): void;
}

export async function startRelay(targetPort: number): Promise<Relay> {
  let down = 0;
  let up = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.on("data", (part) => {
        if (from === client) up += part.length;
        else down += part.length;
      });
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    take() {
      const taken = { down, up };
      down = 0;
      up = 0;
      return taken;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
