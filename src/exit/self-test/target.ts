import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { listenOnSocketFile } from "../../lib/unix-socket.ts";

/**
 * What the exit asks its own proxies for. The name is closed to members like all of `.internal` (egress.ts); a proxy opens
 * it for a self-test alone, and it leads to a socket file in a folder of the keeper's and the proxies' own.
 */
export const SELF_TEST_NAME = "self-test.exits.lethe.internal";
/** RFC 862's echo, as a number that means nothing else here. */
export const SELF_TEST_PORT = 7;

/** The target's socket file, beside the one on which proxies ask for logins. */
export const selfTestTargetPath = (authoriseSocket: string): string =>
  join(dirname(authoriseSocket), "self-test.sock");

export const NONCE_BYTES = 32;
const MAX_CONNECTIONS = 256;
const PATIENCE_MS = 10_000;

/** Answers 32 bytes with 32 that only this process can know, and hangs up. */
export class SelfTestTarget {
  readonly #key = randomBytes(32);
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Rejects with the system's error where the socket file cannot be made. */
  start(path: string): Promise<void> {
    return listenOnSocketFile(this.#server, path);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Whether `answer` is the target's to `nonce`. */
  isAnswer(nonce: Uint8Array, answer: Uint8Array): boolean {
    const right = this.#answerTo(nonce);
    return answer.length === right.length && timingSafeEqual(answer, right);
  }

  #answerTo(nonce: Uint8Array): Buffer {
    return createHmac("sha256", this.#key).update(nonce).digest();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let asked = Buffer.alloc(0);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      if (asked.length === NONCE_BYTES) return;
      asked = Buffer.concat([asked, chunk]).subarray(0, NONCE_BYTES);
      if (asked.length === NONCE_BYTES) socket.end(this.#answerTo(asked));
    });
  }
}
