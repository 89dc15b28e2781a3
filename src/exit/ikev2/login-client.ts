import { connect, type Socket } from "node:net";
import { FrameReader } from "../../lib/frames.ts";
import { Backoff } from "../../lib/unix-socket.ts";
import { loginFrame, loginVerdict, MAX_FRAME_BYTES, readLogin } from "./login-wire.ts";
import type { Ikev2Question, Ikev2Verdict } from "./radius-server.ts";

/** The keeper answers within milliseconds; one that takes longer than this hangs. */
const ANSWER_WITHIN_MS = 5000;
const MAX_WAITING = 10_000;
const UNAVAILABLE: Ikev2Verdict = { admitted: false, reason: "unavailable" };

/** The RADIUS worker's end: asks the keeper. While the keeper cannot be reached every answer is `unavailable` at once. */
export class LoginClient {
  readonly #path: string;
  readonly #backoff = new Backoff(20, 500);
  readonly #waiting = new Map<number, { resolve: (verdict: Ikev2Verdict) => void; timer: NodeJS.Timeout }>();
  #socket: Socket | undefined;
  #connected = false;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #nextId = 1;

  constructor(path: string) {
    this.#path = path;
    this.#connect();
  }

  get connected(): boolean {
    return this.#connected;
  }

  ask(question: Ikev2Question): Promise<Ikev2Verdict> {
    if (!this.#connected || this.#waiting.size >= MAX_WAITING) return Promise.resolve(UNAVAILABLE);
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Ikev2Verdict>();
    const timer = setTimeout(() => this.#answer(id, UNAVAILABLE), ANSWER_WITHIN_MS);
    this.#waiting.set(id, { resolve, timer });
    this.#socket!.write(loginFrame({ id, ...question }));
    return promise;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    if (this.#closed) return;
    const socket = connect(this.#path);
    this.#socket = socket;
    const reader = new FrameReader(MAX_FRAME_BYTES, (payload) => {
      const verdict = readLogin(loginVerdict, payload);
      if (verdict === undefined) socket.destroy();
      else this.#answer(verdict.id, verdict);
    });
    socket.on("connect", () => {
      this.#connected = true;
      this.#backoff.reset();
    });
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#connected = false;
      for (const id of [...this.#waiting.keys()]) this.#answer(id, UNAVAILABLE);
      if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
    });
  }

  #answer(id: number, verdict: Ikev2Verdict): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    waiting?.resolve(verdict);
  }
}
