import { createServer, type Server, type Socket } from "node:net";
import { FrameReader } from "../../lib/frames.ts";
import { listenOnSocketFile } from "../../lib/unix-socket.ts";

/** What a worker that has connected is to the keeper. */
export interface Asker {
  /** False where a frame makes no sense, or its answers are not read. */
  take(payload: Buffer): boolean;
  closed?(): void;
}

interface FrameServerOptions {
  path: string;
  maxFrameBytes: number;
  accept: (socket: Socket) => Asker;
  /** A connection was ended. */
  refused: () => void;
}

/**
 * The keeper's end of a socket on which its workers ask, in frames. One that talks nonsense may have been taken over: its connection
 * ends, the keeper goes on.
 */
export class FrameServer {
  readonly #options: FrameServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: FrameServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Rejects with the system's error where the socket file cannot be made. */
  start(): Promise<void> {
    return listenOnSocketFile(this.#server, this.#options.path);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const asker = this.#options.accept(socket);
    const refuse = (): void => {
      if (socket.destroyed) return;
      this.#options.refused();
      socket.destroy();
    };
    const reader = new FrameReader(this.#options.maxFrameBytes, (payload) => {
      if (!socket.destroyed && !asker.take(payload)) refuse();
    });
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) refuse();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      asker.closed?.();
    });
  }
}
