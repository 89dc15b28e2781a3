import type { Server } from "node:net";
import { reasonOf } from "../../lib/event-log.ts";
import type { ForkedChild } from "../../lib/forked-child.ts";
import { openListening } from "../../lib/hand-over.ts";
import type { Challenge } from "../../link/public-certificate.ts";
import type { KeeperAnswering, ProxyChallenges } from "../messages.ts";

/** RFC 8555 section 8.3: an authority comes to port 80. */
const PORT = 80;
/** An order is over long before; should the office vanish in the middle of one, nothing stays open. */
const OPEN_MOST_MS = 600_000;

/**
 * Root's part in answering challenges: it opens port 80 while there are some, and hands the sockets to a proxy without reading
 * a byte.
 */
export class ChallengeDoor {
  readonly #child: Pick<ForkedChild, "send" | "hand">;
  readonly #onAnswering: (answering: Omit<KeeperAnswering, "type">) => void;
  readonly #open: typeof openListening;
  #challenges: readonly Challenge[] = [];
  #handedOver = false;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: {
    child: Pick<ForkedChild, "send" | "hand">;
    onAnswering: (answering: Omit<KeeperAnswering, "type">) => void;
    open?: typeof openListening;
  }) {
    this.#child = options.child;
    this.#onAnswering = options.onAnswering;
    this.#open = options.open ?? openListening;
  }

  set(challenges: readonly Challenge[]): void {
    if (challenges.length === 0 && this.#challenges.length === 0) return;
    clearTimeout(this.#timer);
    this.#challenges = challenges;
    if (challenges.length > 0) this.#timer = setTimeout(() => this.set([]), OPEN_MOST_MS).unref();
    this.#last = this.#last.then(() => this.#tell());
  }

  /** The child is a new process, which has no socket yet. */
  childStarted(): void {
    this.#handedOver = false;
    if (this.#challenges.length > 0) this.set(this.#challenges);
  }

  /** What the child says that it answers. */
  answering(tokens: readonly string[]): void {
    const known = this.#challenges.map(({ token }) => token);
    this.#onAnswering({ tokens: known.filter((token) => tokens.includes(token)) });
  }

  async #tell(): Promise<void> {
    const challenges = [...this.#challenges];
    if (challenges.length > 0 && !this.#handedOver && !(await this.#handOver()))
      return this.#onAnswering({ tokens: [], portTaken: true });
    if (challenges.length === 0) this.#handedOver = false;
    this.#child.send({ type: "challenges", challenges } satisfies ProxyChallenges);
  }

  /** False where another program has the port. */
  async #handOver(): Promise<boolean> {
    const sockets: Server[] = [];
    let taken = false;
    for (const address of ["0.0.0.0", "::"])
      try {
        sockets.push(await this.#open({ address, port: PORT }));
      } catch (error) {
        // A machine without IPv6 has none of its addresses.
        taken ||= reasonOf(error) === "EADDRINUSE" || address === "0.0.0.0";
      }
    this.#handedOver = !taken;
    for (const socket of sockets) {
      if (taken) socket.close();
      else this.#child.hand({ type: "challenge-socket" }, socket);
    }
    return !taken;
  }
}
