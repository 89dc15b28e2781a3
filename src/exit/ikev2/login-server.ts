import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "../../lib/event-log.ts";
import { FrameReader } from "../../lib/frames.ts";
import { listenOnSocketFile } from "../../lib/unix-socket.ts";
import { loginFrame, loginQuestion, MAX_FRAME_BYTES, readLogin } from "./login-wire.ts";
import type { Ikev2Question, Ikev2Verdict } from "./radius-server.ts";

/** A worker that does not read its answers is cut off. */
const MAX_UNSENT_BYTES = 4_000_000;

/** The keeper's end of the socket on which the RADIUS worker asks. A worker that talks nonsense is cut off, and the keeper goes on. */
export class LoginServer {
  readonly #path: string;
  readonly #decide: (question: Ikev2Question) => Promise<Ikev2Verdict>;
  readonly #log: Log;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: {
    path: string;
    /** Never rejects. */
    decide: (question: Ikev2Question) => Promise<Ikev2Verdict>;
    log: Log;
  }) {
    this.#path = options.path;
    this.#decide = options.decide;
    this.#log = options.log;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Rejects with the system's error where the socket file cannot be made. */
  start(): Promise<void> {
    return listenOnSocketFile(this.#server, this.#path);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const refuse = (): void => {
      if (socket.destroyed) return;
      this.#log("proxy-message-refused", { reason: "malformed", part: "ikev2" });
      socket.destroy();
    };
    const reader = new FrameReader(MAX_FRAME_BYTES, (payload) => {
      const question = socket.destroyed ? undefined : readLogin(loginQuestion, payload);
      if (question === undefined || socket.writableLength > MAX_UNSENT_BYTES) return refuse();
      const { id, ...asked } = question;
      void this.#decide(asked).then((verdict) => {
        if (!socket.destroyed) socket.write(loginFrame({ id, ...verdict }));
      });
    });
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) refuse();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
