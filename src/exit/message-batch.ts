import type { Socket } from "node:net";
import { frame } from "../lib/frames.ts";
import { MAX_MESSAGES } from "./authorise-wire.ts";

/** How long what is not urgent may wait for company. */
const LATER_MS = 10;

/** Gathers what one turn of the event loop has to say and writes it at the turn's end, in as few frames as may be. */
export class MessageBatch {
  #socket: Socket;
  #messages: unknown[][] = [];
  #scheduled = false;
  #later: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  add(message: unknown[]): void {
    this.#messages.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** For what nobody waits for: goes with the next urgent message, or after 10 ms. Each write wakes the other process. */
  addLater(message: unknown[]): void {
    this.#messages.push(message);
    if (!this.#scheduled) this.#later ??= setTimeout(() => this.#flush(), LATER_MS);
  }

  #flush(): void {
    this.#scheduled = false;
    clearTimeout(this.#later);
    this.#later = undefined;
    const messages = this.#messages;
    this.#messages = [];
    if (this.#socket.destroyed) return;
    for (let at = 0; at < messages.length; at += MAX_MESSAGES) {
      this.#socket.write(frame(Buffer.from(JSON.stringify(messages.slice(at, at + MAX_MESSAGES)))));
    }
  }
}
