import type { Clock } from "../lib/clock.ts";
import type { ServerStatus } from "./server-status.ts";
import type { Status } from "./status.ts";

/** A change the operator is told of. Times are RFC 3339 in UTC. */
export interface Alert {
  server: string;
  /** Left out where it is the whole server. */
  service?: string;
  state: "failing" | "working" | "no-news" | "back";
  at: string;
}

/** How an alert leaves the office. False, or a rejection: not told, to be tried again. */
export interface AlertChannel {
  name: "webhook" | "command";
  send(alert: Alert): Promise<boolean>;
}

/** Often enough that two tests in a row are both seen. */
const LOOK_EVERY_MS = 15_000;
/** After a start: exits that were silent because we were away have said something by then. */
const GRACE_MS = 4 * 60_000;
/** A service has failed when so many tests in a row have. */
const FAILURES = 2;
/** Who does not lead keeps what it would tell for so long: a leader may have died before telling it. */
const OTHERS_TELL_WITHIN_MS = 120_000;
const RETRY_FIRST_MS = 1000;
const RETRY_MOST_MS = 300_000;
/** What could not be told for so long is told no more: by then the page says more than old news. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
const QUEUE_MOST = 10_000;

interface Waiting {
  alert: Alert;
  sinceMs: number;
}

/** What was last seen of a server: whether it is silent, and which services fail. */
interface Seen {
  silent: boolean;
  failing: Set<string>;
}

/**
 * Tells the operator of servers that fall silent or come back and of services that fail or work again: each change once, in
 * its order, on every channel, until the channel has taken it. Nothing of it is on disk: after a restart whatever is wrong
 * then is told once more. Of several offices the one that leads tells.
 */
export class Alerts {
  readonly #status: Pick<Status, "list" | "failures">;
  readonly #clock: Clock;
  readonly #leads: () => boolean;
  readonly #queues: Queue[];
  readonly #startedMs: number;
  readonly #seen = new Map<string, Seen>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    status: Pick<Status, "list" | "failures">;
    clock: Clock;
    channels: readonly AlertChannel[];
    /** Whether this office tells; true unless told. */
    leads?: () => boolean;
    onOutcome?: (channel: AlertChannel["name"], outcome: "told" | "failed" | "given-up") => void;
  }) {
    this.#status = options.status;
    this.#clock = options.clock;
    this.#leads = options.leads ?? (() => true);
    const outcome = options.onOutcome ?? (() => undefined);
    this.#queues = options.channels.map((channel) => new Queue(channel, options.clock, outcome));
    this.#startedMs = this.#clock.monotonic();
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look().catch(() => undefined), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const queue of this.#queues) queue.close();
  }

  /** One look at the servers, by itself every 15 seconds. Rejects where the status cannot be read. */
  async look(): Promise<void> {
    const servers = await this.#status.list();
    const names = new Set(servers.map(({ server }) => server));
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
    const settled = this.#clock.monotonic() - this.#startedMs >= GRACE_MS;
    for (const server of servers) for (const alert of this.#changes(server, settled)) this.#add(alert);
    const leads = this.#leads();
    for (const queue of this.#queues) {
      if (leads) queue.work();
      else queue.forget(OTHERS_TELL_WITHIN_MS);
    }
  }

  #changes(server: ServerStatus, settled: boolean): Alert[] {
    // One that was never heard of is new: nothing has changed yet.
    if (server.state === "never" && !this.#seen.has(server.server)) return [];
    const seen = this.#seen.get(server.server) ?? { silent: false, failing: new Set<string>() };
    this.#seen.set(server.server, seen);
    const at = new Date(this.#clock.now()).toISOString();
    const alerts: Alert[] = [];
    const silent = server.state !== "up";
    if (silent !== seen.silent && (settled || !silent)) {
      seen.silent = silent;
      alerts.push({ server: server.server, state: silent ? "no-news" : "back", at });
    }
    // Of a silent server nothing is known; what failed before it fell silent fails until it says otherwise.
    if (!silent)
      for (const { service, healthy } of server.services) {
        const fails = this.#status.failures(server.server, service) >= FAILURES;
        if (fails && !seen.failing.has(service)) {
          seen.failing.add(service);
          alerts.push({ server: server.server, service, state: "failing", at });
        } else if (healthy && seen.failing.delete(service))
          alerts.push({ server: server.server, service, state: "working", at });
      }
    return alerts;
  }

  #add(alert: Alert): void {
    for (const queue of this.#queues) queue.add(alert);
  }
}

/** One channel's alerts, told one after another; the first that cannot be told holds the others up. */
class Queue {
  readonly #channel: AlertChannel;
  readonly #clock: Clock;
  readonly #outcome: (channel: AlertChannel["name"], outcome: "told" | "failed" | "given-up") => void;
  readonly #waiting: Waiting[] = [];
  #working = false;
  #retryMs = RETRY_FIRST_MS;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    channel: AlertChannel,
    clock: Clock,
    outcome: (channel: AlertChannel["name"], outcome: "told" | "failed" | "given-up") => void,
  ) {
    this.#channel = channel;
    this.#clock = clock;
    this.#outcome = outcome;
  }

  add(alert: Alert): void {
    this.#waiting.push({ alert, sinceMs: this.#clock.monotonic() });
    if (this.#waiting.length > QUEUE_MOST) this.#waiting.shift();
  }

  /** Leaves out what has waited for so long: another office has told it. */
  forget(afterMs: number): void {
    const fromMs = this.#clock.monotonic() - afterMs;
    while (!this.#working && this.#waiting[0] !== undefined && this.#waiting[0].sinceMs <= fromMs)
      this.#waiting.shift();
  }

  work(): void {
    if (this.#working || this.#retry !== undefined || this.#closed) return;
    this.#working = true;
    void this.#tellAll().finally(() => {
      this.#working = false;
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  async #tellAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined && !this.#closed; next = this.#waiting[0]) {
      const told = await this.#channel.send(next.alert).catch(() => false);
      const tooLate = this.#clock.monotonic() - next.sinceMs >= GIVE_UP_AFTER_MS;
      this.#outcome(this.#channel.name, told ? "told" : tooLate ? "given-up" : "failed");
      if (!told && !tooLate) {
        this.#later();
        return;
      }
      if (this.#waiting[0] === next) this.#waiting.shift();
      this.#retryMs = RETRY_FIRST_MS;
    }
  }

  #later(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.work();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MOST_MS);
  }
}
