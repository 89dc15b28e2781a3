import type { Clock } from "../lib/clock.ts";
import { Backoff } from "../lib/unix-socket.ts";

/**
 * How long an end of the link waits before it tries nats-server again. What an operator ends has to end on every server within two
 * seconds of the office's return: a second of them may go by until the exit knocks, half of one until it asks (sync-schedule.ts),
 * and the rest is for TLS, for what it missed, and for the cut. Knocking that often costs next to nothing: of 200 servers it is
 * some 270 SYNs a second to a port where nobody listens. Since no two wait alike, the 200 come back spread over that second: some
 * 200 handshakes of at most 5 ms of core (docs/scaling.md), which a small machine does in it.
 *
 * An office that is being restarted, or its machine, is back within minutes. Who has been away for longer is being mended, or is
 * gone for good, or has taken the server's key off its list, which costs it a handshake each time: then every ten seconds will do.
 */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 1000;
const OLD_OUTAGE_MS = 10 * 60_000;
const LONGEST_OLD_WAIT_MS = 10_000;

export class ReconnectWaits {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #servers: number;
  #young = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  #old = new Backoff(LONGEST_WAIT_MS, LONGEST_OLD_WAIT_MS);
  #downSinceMs: number;

  /** `servers`: so many are tried in turn; each of them is knocked at as often as if it were the only one. */
  constructor(clock: Pick<Clock, "monotonic">, servers: number) {
    this.#clock = clock;
    this.#servers = servers;
    this.#downSinceMs = clock.monotonic();
  }

  /** A connection that was good has ended now. */
  wentDown(): void {
    this.#downSinceMs = this.#clock.monotonic();
    this.#young.reset();
    this.#old.reset();
  }

  /** Milliseconds until the next try. */
  next(): number {
    const young = this.#clock.monotonic() - this.#downSinceMs < OLD_OUTAGE_MS;
    return (young ? this.#young : this.#old).next() / this.#servers;
  }
}
