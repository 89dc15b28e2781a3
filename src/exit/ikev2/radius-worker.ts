import { createSocket } from "node:dgram";
import { z } from "zod";
import { logFor, reasonOf } from "../../lib/event-log.ts";
import { installLastResort } from "../../lib/last-resort.ts";
import { becomeUser } from "../../lib/privileges.ts";
import { LoginClient } from "./login-client.ts";
import { RadiusServer } from "./radius-server.ts";

/** From the exit to its RADIUS worker, the one message there is. */
const radiusStart = z.object({
  type: z.literal("start"),
  account: z.object({ uid: z.int().min(0), gid: z.int().min(0) }),
  loginSocket: z.string().min(1).max(200),
  port: z.int().min(1).max(65_535),
  secret: z.string().min(32).max(128),
});
export type RadiusStart = z.infer<typeof radiusStart>;

const LOOPBACK = "127.0.0.1";

/**
 * The RADIUS worker: what strongSwan passes on of strangers' logins is parsed here, as a user without rights and without a
 * password of anybody's. It ends when the channel to the exit closes or on SIGTERM.
 */
export function runRadius(): void {
  const log = logFor("ikev2");
  installLastResort(log);
  const stop = (): never => process.exit(0);
  process.once("SIGTERM", stop);
  process.once("disconnect", stop);
  // Ctrl-C reaches the whole process group; the supervisor decides when we end.
  process.on("SIGINT", () => {});
  process.once("message", (message) => {
    const start = radiusStart.parse(message);
    becomeUser(start.account.uid, start.account.gid);
    serveRadius(
      start,
      () => process.exit(1),
      (reason) => log("port-taken", { port: start.port, reason }),
    );
  });
}

/** Answers on loopback until `close`. */
export function serveRadius(
  { loginSocket, port, secret }: Pick<RadiusStart, "loginSocket" | "port" | "secret">,
  onLost: () => void,
  onTaken: (reason: ReturnType<typeof reasonOf>) => void,
): { close: () => void; ready: Promise<void> } {
  const logins = new LoginClient(loginSocket);
  const server = new RadiusServer({
    secret,
    ask: (question) => logins.ask(question),
    nowMs: () => performance.now(),
  });
  const socket = createSocket("udp4");
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  socket.on("error", (error) => {
    onTaken(reasonOf(error));
    onLost();
  });
  socket.on("message", (datagram, from) => {
    // Nobody else can reach this address; a stray sender is passed over all the same.
    if (from.address !== LOOPBACK) return;
    void server.take(datagram).then((answer) => {
      if (answer !== undefined) socket.send(answer, from.port, from.address, () => {});
    });
  });
  socket.bind(port, LOOPBACK, () => resolve());
  return {
    ready,
    close: () => {
      socket.close();
      logins.close();
    },
  };
}
