import { connect, type Socket } from "node:net";
import { FrameReader } from "../lib/frames.ts";
import { Backoff } from "../lib/unix-socket.ts";
import type { Admission, Authoriser, LoginAttempt, Refusal } from "./authorise.ts";
import { MAX_CHARACTERS, MAX_FRAME_BYTES, readToProxy, TO_KEEPER, type ToProxy } from "./authorise-wire.ts";
import { Leases } from "./leases.ts";
import { LiveSession } from "./live-session.ts";
import { MessageBatch } from "./message-batch.ts";

/** The keeper answers within a millisecond; one that takes longer than this hangs. */
const LOGIN_TIMEOUT_MS = 5000;
const MAX_WAITING = 20_000;
const LOOK_MS = 500;

interface Waiting {
  attempt: LoginAttempt;
  resolve(admission: Admission): void;
  sinceMs: number;
}

/**
 * The proxies' Authoriser: asks the keeper, or answers by a lease that the keeper has granted. While the keeper cannot be reached every login is `unavailable` at once, and
 * sessions end when it is lost: nobody could cut them any more.
 */
export class AuthoriseClient implements Authoriser {
  #path: string;
  #lookMs: number;
  #socket: Socket | undefined;
  #out: MessageBatch | undefined;
  #backoff = new Backoff(20, 500);
  #retry: NodeJS.Timeout | undefined;
  #looks: NodeJS.Timeout | undefined;
  #closed = false;
  #nextId = 1;
  #waiting = new Map<number, Waiting>();
  #sessions = new Map<number, LiveSession>();
  #leases = new Leases({
    giveBack: (id, slots) => this.#out?.add([TO_KEEPER.giveBack, id, slots]),
    close: (id) => this.#out?.add([TO_KEEPER.close, id]),
  });

  constructor(options: { path: string; lookMs?: number | undefined }) {
    this.#path = options.path;
    this.#lookMs = options.lookMs ?? LOOK_MS;
  }

  get connected(): boolean {
    return this.#out !== undefined;
  }

  /** Slots that the keeper has lent, used or not. */
  get leasedSlots(): number {
    return this.#leases.slots;
  }

  /** Connects, and connects again whenever the keeper is lost, until `close`. */
  start(): void {
    this.#looks ??= setInterval(() => this.#look(), this.#lookMs);
    this.#looks.unref();
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#looks);
    this.#socket?.destroy();
  }

  login(attempt: LoginAttempt): Promise<Admission> {
    const { service, username, password, address } = attempt;
    if (username.length > MAX_CHARACTERS.username || password.length > MAX_CHARACTERS.password) {
      return Promise.resolve(refused("unknown"));
    }
    if (this.#out === undefined) return Promise.resolve(refused("unavailable"));
    const session = this.#leases.take(attempt);
    if (session !== undefined) return Promise.resolve({ admitted: true, session });
    if (this.#waiting.size >= MAX_WAITING) return Promise.resolve(refused("unavailable"));
    const id = this.#nextId++;
    this.#out.add([
      TO_KEEPER.login,
      id,
      service,
      username,
      password,
      address.slice(0, MAX_CHARACTERS.address),
    ]);
    return new Promise((resolve) => this.#waiting.set(id, { attempt, resolve, sinceMs: performance.now() }));
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
      this.#leases.cut(message.id);
      return;
    }
    if (message.kind === "recall") {
      this.#leases.recall(message.id);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === "refused") waiting?.resolve(refused(message.reason));
    else if (waiting === undefined) this.#out?.add([TO_KEEPER.close, message.id]);
    else if (message.kind === "selfTest") {
      waiting.resolve({ admitted: true, session: this.#open(message.id), selfTest: true });
    } else {
      const { id, slots } = message;
      const session = slots > 1 ? this.#leases.add(id, slots, waiting.attempt) : this.#open(id);
      waiting.resolve({ admitted: true, session });
    }
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
    this.#leases.cutAll();
    if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #look(): void {
    this.#leases.look();
    this.#refuseOverdue();
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
