import { connect, type Socket } from "node:net";
import { FrameReader } from "../lib/frames.ts";
import { Backoff } from "../lib/unix-socket.ts";
import type { Admission, Authoriser, LoginAttempt, Refusal } from "./authorise.ts";
import { MAX_CHARACTERS, MAX_FRAME_BYTES, readToProxy, TO_KEEPER, type ToProxy } from "./authorise-wire.ts";
import { MessageBatch } from "./message-batch.ts";
import { LiveSession } from "./sessions.ts";

/** The keeper answers within a millisecond; one that takes longer than this hangs. */
const LOGIN_TIMEOUT_MS = 5000;
const MAX_WAITING = 20_000;

interface Waiting {
  resolve(admission: Admission): void;
  sinceMs: number;
}

/**
 * The proxies' Authoriser: asks the keeper. While the keeper cannot be reached every login is `unavailable` at once, and
 * sessions end when it is lost: nobody could cut them any more.
 */
export class AuthoriseClient implements Authoriser {
  #path: string;
  #socket: Socket | undefined;
  #out: MessageBatch | undefined;
  #backoff = new Backoff(20, 500);
  #retry: NodeJS.Timeout | undefined;
  #overdue: NodeJS.Timeout | undefined;
  #closed = false;
  #nextId = 1;
  #waiting = new Map<number, Waiting>();
  #sessions = new Map<number, LiveSession>();

  constructor(options: { path: string }) {
    this.#path = options.path;
  }

  get connected(): boolean {
    return this.#out !== undefined;
  }

  /** Connects, and connects again whenever the keeper is lost, until `close`. */
  start(): void {
    this.#overdue ??= setInterval(() => this.#refuseOverdue(), 1000);
    this.#overdue.unref();
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#overdue);
    this.#socket?.destroy();
  }

  login(attempt: LoginAttempt): Promise<Admission> {
    const { service, username, password, address } = attempt;
    if (username.length > MAX_CHARACTERS.username || password.length > MAX_CHARACTERS.password) {
      return Promise.resolve(refused("unknown"));
    }
    if (this.#out === undefined || this.#waiting.size >= MAX_WAITING)
      return Promise.resolve(refused("unavailable"));
    const id = this.#nextId++;
    this.#out.add([
      TO_KEEPER.login,
      id,
      service,
      username,
      password,
      address.slice(0, MAX_CHARACTERS.address),
    ]);
    return new Promise((resolve) => this.#waiting.set(id, { resolve, sinceMs: performance.now() }));
  }

  #connect(): void {
    if (this.#closed) return;
    const socket = connect(this.#path);
    this.#socket = socket;
    const reader = new FrameReader(MAX_FRAME_BYTES, (payload) => {
      const messages = readToProxy(payload);
      if (messages === undefined) socket.destroy();
      else for (const message of messages) this.#take(message);
    });
    socket.on("connect", () => {
      this.#backoff.reset();
      this.#out = new MessageBatch(socket);
    });
    socket.on("data", (chunk) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#lost());
  }

  #take(message: ToProxy): void {
    if (message.kind === "cut") {
      this.#sessions.get(message.id)?.cut();
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === "refused") waiting?.resolve(refused(message.reason));
    else if (waiting === undefined) this.#out?.add([TO_KEEPER.close, message.id]);
    else waiting.resolve({ admitted: true, session: this.#open(message.id) });
  }

  #open(id: number): LiveSession {
    const session = new LiveSession(() => {
      this.#sessions.delete(id);
      this.#out?.addLater([TO_KEEPER.close, id]);
    });
    this.#sessions.set(id, session);
    return session;
  }

  #lost(): void {
    this.#out = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { resolve } of waiting) resolve(refused("unavailable"));
    for (const session of [...this.#sessions.values()]) session.cut();
    if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #refuseOverdue(): void {
    const since = performance.now() - LOGIN_TIMEOUT_MS;
    for (const [id, { resolve, sinceMs }] of this.#waiting) {
      // The oldest come first.
      if (sinceMs > since) return;
      this.#waiting.delete(id);
      resolve(refused("unavailable"));
    }
  }
}

const refused = (reason: Refusal): Admission => ({ admitted: false, reason });
