import { type NatsConnection, NoRespondersError, RequestError, TimeoutError } from "@nats-io/transport-node";
import { CarrierError, type ExitCarrier, MAX_MESSAGE_BYTES, MAX_REPORT_BYTES } from "./carrier.ts";
import { PROTOCOL, type Protocol } from "./documents.ts";
import { NatsConnector, type NatsLink } from "./nats-connection.ts";
import { type LinkSubjects, linkSubjects } from "./nats-subjects.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_REQUESTS_WAITING = 64;
/** More than 24 hours of totals, and what the tests of some hours found. */
const MAX_REPORTS_WAITING = 500;
const REPORT_RETRY_MS = 2000;
/** A server behind which no office has answered for so long is left for the next one, where there are several. */
const LEAVE_AFTER_MS = 20_000;
/** Set by the office on an answer that is none (nats-office-carrier.ts). */
export const REFUSED_HEADER = "Lethe-Refused";

/**
 * The exit's end on NATS. The server is "up" when it has taken our subscriptions; whether an office is behind it, a request
 * tells ("down" where not).
 */
export class NatsExitCarrier implements ExitCarrier {
  readonly #server: string;
  readonly #protocol: Protocol;
  readonly #subjects: LinkSubjects;
  readonly #connector: NatsConnector;
  readonly #severalServers: boolean;
  readonly #leaveAfterMs: number;
  /** Since when nobody has been behind this server. */
  #aloneSince: number | undefined;
  #connection: NatsConnection | undefined;
  #requestsWaiting = 0;
  /** Reports that no server has taken yet, oldest first. */
  #reports: Uint8Array[] = [];
  #reporting = false;
  #reportRetry: NodeJS.Timeout | undefined;
  /** No stream took the last report. */
  #reportLost = false;
  #onBroadcast: (message: Uint8Array) => void = () => {};
  #onUp: () => void = () => {};
  #onDown: () => void = () => {};

  constructor(
    options: NatsLink & { site: string; server: string; protocol?: Protocol; leaveAfterMs?: number },
  ) {
    this.#server = options.server;
    this.#protocol = options.protocol ?? PROTOCOL;
    this.#subjects = linkSubjects(options.site);
    this.#severalServers = options.servers.length > 1;
    this.#leaveAfterMs = options.leaveAfterMs ?? LEAVE_AFTER_MS;
    this.#connector = new NatsConnector({
      link: options,
      inboxPrefix: this.#subjects.inbox(options.server),
      onUp: (connection) => this.#up(connection),
      onDown: () => this.#down(),
    });
  }

  start(): void {
    this.#connector.start();
  }

  async request(message: Uint8Array): Promise<Uint8Array> {
    if (message.length > MAX_MESSAGE_BYTES || this.#requestsWaiting >= MAX_REQUESTS_WAITING)
      throw new CarrierError("too-long");
    const connection = this.#connection;
    if (connection === undefined) throw new CarrierError("down");
    this.#requestsWaiting++;
    try {
      const answer = await connection.request(this.#subjects.ask(this.#server), message, {
        timeout: REQUEST_TIMEOUT_MS,
      });
      this.#aloneSince = undefined;
      if (answer.headers?.has(REFUSED_HEADER)) throw new CarrierError("refused");
      return answer.data;
    } catch (error) {
      if (error instanceof CarrierError) throw error;
      if (isNoResponders(error)) this.#alone(connection);
      throw new CarrierError(error instanceof TimeoutError ? "timeout" : "down");
    } finally {
      this.#requestsWaiting--;
    }
  }

  onBroadcast(callback: (message: Uint8Array) => void): void {
    this.#onBroadcast = callback;
  }

  onUp(callback: () => void): void {
    this.#onUp = callback;
  }

  onDown(callback: () => void): void {
    this.#onDown = callback;
  }

  publishReport(report: Uint8Array): void {
    if (report.length > MAX_REPORT_BYTES) return;
    this.#reports.push(report);
    if (this.#reports.length > MAX_REPORTS_WAITING) this.#reports.shift();
    void this.#sendReports();
  }

  close(): void {
    clearTimeout(this.#reportRetry);
    void this.#connector.close();
  }

  async #up(connection: NatsConnection): Promise<void> {
    const { change, settings } = this.#subjects;
    const callback = (error: Error | null, message: { data: Uint8Array }) => {
      if (error === null) this.#onBroadcast(message.data);
    };
    connection.subscribe(change(this.#protocol), { callback });
    connection.subscribe(settings(this.#server), { callback });
    connection.subscribe(this.#reportInbox, {
      // Nothing else answers a report: the stream itself is told not to (nats-office-carrier.ts).
      callback: () => {
        this.#reportLost = true;
      },
    });
    await connection.flush();
    this.#connection = connection;
    this.#onUp();
    void this.#sendReports();
  }

  #down(): void {
    this.#connection = undefined;
    this.#aloneSince = undefined;
    this.#onDown();
  }

  /** The server runs on where its office has died and another one leads on another server; the roster asks each minute. */
  #alone(connection: NatsConnection): void {
    this.#aloneSince ??= performance.now();
    if (!this.#severalServers || performance.now() - this.#aloneSince < this.#leaveAfterMs) return;
    this.#aloneSince = undefined;
    void connection.close();
  }

  get #reportInbox(): string {
    return `${this.#subjects.inbox(this.#server)}.reports`;
  }

  /** One after the other, so that the office gets them in order; a connection that ends in between loses none. */
  async #sendReports(): Promise<void> {
    if (this.#reporting) return;
    this.#reporting = true;
    clearTimeout(this.#reportRetry);
    try {
      for (let next = this.#reports[0]; next !== undefined; next = this.#reports[0]) {
        if (this.#connection === undefined || !(await this.#sendReport(this.#connection, next))) break;
        if (this.#reports[0] === next) this.#reports.shift();
      }
    } finally {
      this.#reporting = false;
    }
    if (this.#reports.length > 0 && this.#connection !== undefined) {
      this.#reportRetry = setTimeout(() => void this.#sendReports(), REPORT_RETRY_MS);
      this.#reportRetry.unref();
    }
  }

  /**
   * True when the stream has it: the server has read past it (PING, PONG), and did not say that nobody takes it (status 503,
   * NATS client protocol, "no responders").
   */
  async #sendReport(connection: NatsConnection, report: Uint8Array) {
    this.#reportLost = false;
    try {
      connection.publish(this.#subjects.report(this.#server), report, { reply: this.#reportInbox });
      await connection.flush();
    } catch {
      return false;
    }
    return !this.#reportLost;
  }
}

const isNoResponders = (error: unknown): boolean =>
  error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
