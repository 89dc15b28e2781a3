import { setTimeout as wait } from "node:timers/promises";
import {
  AckPolicy,
  type ConsumerMessages,
  DiscardPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { headers, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import type { Log } from "../lib/event-log.ts";
import {
  type Audience,
  MAX_MESSAGE_BYTES,
  MAX_REPORT_BYTES,
  type OfficeCarrier,
  type ReportHandler,
  type RequestHandler,
} from "./carrier.ts";
import { PROTOCOL } from "./documents.ts";
import { NatsConnector, type NatsLink } from "./nats-connection.ts";
import { REFUSED_HEADER } from "./nats-exit-carrier.ts";
import { type LinkSubjects, linkSubjects, OFFICE_INBOX } from "./nats-subjects.ts";
import { RequestBudget } from "./request-budget.ts";
import { REQUEST } from "./wire.ts";

const START_WAIT_MS = 5000;
const NANOS_A_SECOND = 1_000_000_000;
const REPORTS_KEPT_S = 86_400;
/** 24 hours of one server's totals and health, and some. */
const REPORTS_KEPT_A_SERVER = 2000;
const REPORTS_KEPT_BYTES = 256 * 1024 * 1024;
/**
 * A report that comes twice changes nothing where it is taken in, so JetStream need not know it again. It would keep each report's
 * id in memory, as long as the sender made it: an exit that somebody has taken over could take all the memory there is. The least
 * that it can be told; 0 would be two minutes.
 */
const IDS_KEPT_MS = 100;
/** Reports that are asked of the server at one time. */
const REPORTS_AT_ONCE = 256;
/** And that are being taken in: all that several servers can have waiting, so that none of them holds the others up. */
const REPORTS_TAKING_IN = 5 * REPORTS_KEPT_A_SERVER;
/** Nothing is brought a second time to who has it already; a new term begins with a new consumer. */
const ACK_WAIT_S = REPORTS_KEPT_S;
/** Of a request for a certificate: signing it runs openssl, and nothing else runs meanwhile (60 ms). */
const CERTIFICATE_COST = 100;
/** Of what an exit says of its public certificate: it may be written down, and waited for the disk. */
const PUBLIC_CERTIFICATE_COST = 20;
/** Of each 10 KB of a request: an exit that says which rows it has makes us read as many of ours. */
const BYTES_OF_COST = 10_000;
const REPORT_AGAIN_MS = 2000;

const SERVER = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/**
 * The office's end on NATS. Of several offices one leads (`lead`): it alone answers, broadcasts and takes reports in, which
 * JetStream keeps for it in memory until they are. Who a message is from is the subject's last word, on which nats-server lets
 * that server alone publish.
 */
export class NatsOfficeCarrier implements OfficeCarrier {
  readonly #subjects: LinkSubjects;
  readonly #log: Log;
  readonly #connector: NatsConnector;
  #connection: NatsConnection | undefined;
  #leads = true;
  #asks: Subscription | undefined;
  #reports: ConsumerMessages | undefined;
  /** Rises whenever leading begins or ends: what belongs to an earlier term finds that it is over. */
  #term = 0;
  readonly #budget = new RequestBudget();
  readonly #closing = new AbortController();
  /** By server: its reports are taken in one after the other. */
  #takingIn = new Map<string, { count: number; last: Promise<void> }>();
  #handler: RequestHandler | undefined;
  #report: ReportHandler = async () => {};
  #onResumed: () => void = () => {};
  #firstUp = Promise.withResolvers<void>();

  constructor(options: NatsLink & { site: string; log: Log }) {
    this.#subjects = linkSubjects(options.site);
    this.#log = options.log;
    this.#connector = new NatsConnector({
      link: options,
      inboxPrefix: this.#subjects.inbox(OFFICE_INBOX),
      onUp: (connection) => this.#up(connection),
      onDown: () => this.#down(),
    });
  }

  serve(handler: RequestHandler): void {
    this.#handler = handler;
  }

  onReport(callback: ReportHandler): void {
    this.#report = callback;
  }

  onResumed(callback: () => void): void {
    this.#onResumed = callback;
  }

  /** Whether this office is the one that exits hear; it is unless told otherwise. */
  lead(active: boolean): void {
    if (active === this.#leads) return;
    this.#leads = active;
    this.#cease();
    const connection = this.#connection;
    if (active && connection !== undefined) this.#begin(connection).catch(() => connection.close());
  }

  /** One publish, whatever the number of exits that hear it. */
  broadcast(message: Uint8Array, to: Audience = {}): void {
    if (this.#connection === undefined || !this.#leads || message.length > MAX_MESSAGE_BYTES) return;
    const { settings, change } = this.#subjects;
    const protocols =
      to.protocol === undefined ? Array.from({ length: PROTOCOL }, (_, i) => i + 1) : [to.protocol];
    const subjects = to.server === undefined ? protocols.map(change) : [settings(to.server)];
    for (const subject of subjects) this.#connection.publish(subject, message);
  }

  /** Resolves when the server is reached, or after five seconds without: it goes on trying. */
  async start(): Promise<void> {
    this.#connector.start();
    await Promise.race([this.#firstUp.promise, wait(START_WAIT_MS, undefined, { ref: false })]);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cease();
    await Promise.all([...this.#takingIn.values()].map(({ last }) => last));
    await this.#connector.close();
  }

  async #up(connection: NatsConnection): Promise<void> {
    this.#connection = connection;
    try {
      if (this.#leads) await this.#begin(connection);
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
    this.#log("link-up");
    this.#firstUp.resolve();
  }

  #down(): void {
    this.#connection = undefined;
    this.#cease();
    this.#log("link-down");
  }

  async #begin(connection: NatsConnection): Promise<void> {
    const term = ++this.#term;
    const consumer = await ensureStream(connection, this.#subjects);
    if (term !== this.#term) return;
    const reports = await consumer.consume({
      max_messages: REPORTS_AT_ONCE,
      callback: (message) => this.#takeIn(message, term),
    });
    if (term !== this.#term) return reports.stop();
    this.#reports = reports;
    this.#asks = connection.subscribe(this.#subjects.ask("*"), {
      callback: (error, message) => {
        if (error === null) void this.#answer(message);
      },
    });
    await connection.flush();
    if (term === this.#term) this.#onResumed();
  }

  #cease(): void {
    this.#term++;
    try {
      this.#asks?.unsubscribe();
      this.#reports?.stop();
    } catch {
      // The connection is gone, and both with it.
    }
    this.#asks = undefined;
    this.#reports = undefined;
  }

  async #answer(message: Msg): Promise<void> {
    const from = serverOf(message.subject);
    // The reply subject is the asker's to choose: answered elsewhere, we would speak for it where it may not.
    const inbox = `${this.#subjects.inbox(from ?? "")}.`;
    const { reply = "" } = message;
    if (
      from === undefined ||
      !reply.startsWith(inbox) ||
      !/^[A-Za-z0-9.]+$/.test(reply.slice(inbox.length))
    ) {
      this.#log("request-refused", { reason: "foreign" });
      return;
    }
    let answer: Uint8Array | undefined;
    try {
      if (this.#budget.take(from, costOf(message.data))) answer = await this.#handler!(message.data, from);
      else this.#log("request-refused", { reason: "slow-down" });
    } catch {
      answer = undefined;
    }
    try {
      if (answer !== undefined && answer.length <= MAX_MESSAGE_BYTES) message.respond(answer);
      else message.respond(undefined, { headers: refusal() });
    } catch {
      // The connection has ended since: the exit asks again.
    }
  }

  #takeIn(message: JsMsg, term: number): void {
    const from = serverOf(message.subject);
    if (from === undefined || message.data.length > MAX_REPORT_BYTES) {
      message.term();
      return;
    }
    const queue = this.#takingIn.get(from) ?? { count: 0, last: Promise.resolve() };
    // The stream keeps no more of one server; what it has dropped meanwhile would otherwise pile up here instead.
    if (queue.count >= REPORTS_KEPT_A_SERVER) {
      message.term();
      return;
    }
    queue.count++;
    queue.last = queue.last
      .then(() => this.#takeInAt(message, from, term))
      .catch(() => {
        // The connection has ended since: JetStream brings it again.
      })
      .finally(() => {
        queue.count--;
        if (queue.count === 0) this.#takingIn.delete(from);
      });
    this.#takingIn.set(from, queue);
  }

  /** Tries until it is taken in, so that a later report never overtakes it; whoever leads next begins with what was not. */
  async #takeInAt(message: JsMsg, from: string, term: number): Promise<void> {
    while (term === this.#term) {
      try {
        await this.#report(message.data, from);
      } catch {
        message.working();
        const { signal } = this.#closing;
        await wait(REPORT_AGAIN_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      message.ack();
      return;
    }
  }
}

function costOf(request: Uint8Array): number {
  if (request[0] === REQUEST.certificate) return CERTIFICATE_COST;
  if (request[0] === REQUEST.publicCertificate) return PUBLIC_CERTIFICATE_COST;
  return 1 + Math.floor(request.length / BYTES_OF_COST);
}

function refusal() {
  const refused = headers();
  refused.set(REFUSED_HEADER, "1");
  return refused;
}

/**
 * Makes stream and consumer where they are not there (the server keeps them in memory, and loses them when it restarts).
 * `no_ack`: JetStream would acknowledge a report to whatever reply subject the exit wrote on it, and with rights of its own.
 */
async function ensureStream(connection: NatsConnection, { stream, consumer, report }: LinkSubjects) {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const configuration = {
    subjects: [report("*")],
    storage: StorageType.Memory,
    // Taken in is gone: nothing of it stays with the server.
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.Old,
    max_age: REPORTS_KEPT_S * NANOS_A_SECOND,
    max_msgs_per_subject: REPORTS_KEPT_A_SERVER,
    max_msg_size: 2 * MAX_REPORT_BYTES,
    max_bytes: REPORTS_KEPT_BYTES,
    duplicate_window: IDS_KEPT_MS * 1_000_000,
    no_ack: true,
  };
  try {
    await manager.streams.add({ name: stream, ...configuration });
  } catch {
    // There, as an earlier version made it.
    await manager.streams.update(stream, configuration);
  }
  // A new one begins with the oldest report that was not taken in; one that was there would bring those later, out of order.
  await manager.consumers.delete(stream, consumer).catch(() => false);
  await manager.consumers.add(stream, {
    durable_name: consumer,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_S * NANOS_A_SECOND,
    max_ack_pending: REPORTS_TAKING_IN,
  });
  return jetstream(connection).consumers.get(stream, consumer);
}

/** The last word of a subject, where it can be a server's name. */
function serverOf(subject: string): string | undefined {
  const name = subject.slice(subject.lastIndexOf(".") + 1);
  return SERVER.test(name) ? name : undefined;
}
