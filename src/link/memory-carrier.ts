import {
  type Audience,
  CarrierError,
  type ExitCarrier,
  MAX_MESSAGE_BYTES,
  MAX_REPORT_BYTES,
  type OfficeCarrier,
  type ReportHandler,
  type RequestHandler,
} from "./carrier.ts";
import { PROTOCOL, type Protocol } from "./documents.ts";

/** A carrier inside one process, for tests: messages are copied and arrive in a later turn, as they would elsewhere. */
export class MemoryCarrier implements OfficeCarrier {
  #handler: RequestHandler | undefined;
  #report: ReportHandler = async () => {};
  #exits = new Set<MemoryExit>();
  #running = false;

  serve(handler: RequestHandler): void {
    this.#handler = handler;
  }

  onReport(callback: ReportHandler): void {
    this.#report = callback;
  }

  /** Nothing is ever missed here while the office runs. */
  onResumed(): void {}

  broadcast(message: Uint8Array, to: Audience = {}): void {
    if (!this.#running || message.length > MAX_MESSAGE_BYTES) return;
    for (const exit of this.#exits) {
      if ((to.server ?? exit.server) !== exit.server || (to.protocol ?? exit.protocol) !== exit.protocol)
        continue;
      const copy = message.slice();
      setImmediate(() => exit.deliver(copy));
    }
  }

  async start(): Promise<void> {
    this.#running = true;
    for (const exit of this.#exits) exit.setUp(true);
  }

  async close(): Promise<void> {
    this.#running = false;
    for (const exit of this.#exits) exit.setUp(false);
  }

  /** A new exit's end; more than one may be connected. */
  connect({
    server = "a1",
    protocol = PROTOCOL,
  }: {
    server?: string;
    protocol?: Protocol;
  } = {}): ExitCarrier {
    const exit: MemoryExit = new MemoryExit({
      server,
      protocol,
      started: () => {
        this.#exits.add(exit);
        exit.setUp(this.#running);
      },
      closed: () => this.#exits.delete(exit),
      request: async (message) => {
        try {
          const answer = await this.#handler!(message.slice(), server);
          if (answer.length <= MAX_MESSAGE_BYTES) return answer.slice();
        } catch {
          // Refused, as one that is too long.
        }
        throw new CarrierError("refused");
      },
      report: (report) => void this.#report(report.slice(), server).catch(() => {}),
    });
    return exit;
  }
}

interface Wire {
  server: string;
  protocol: Protocol;
  started(): void;
  closed(): void;
  request(message: Uint8Array): Promise<Uint8Array>;
  report(report: Uint8Array): void;
}

class MemoryExit implements ExitCarrier {
  readonly server: string;
  readonly protocol: Protocol;
  #wire: Wire;
  #up = false;
  #onBroadcast: (message: Uint8Array) => void = () => {};
  #onUp: () => void = () => {};
  #onDown: () => void = () => {};

  constructor(wire: Wire) {
    this.server = wire.server;
    this.protocol = wire.protocol;
    this.#wire = wire;
  }

  start(): void {
    setImmediate(() => this.#wire.started());
  }

  async request(message: Uint8Array): Promise<Uint8Array> {
    if (message.length > MAX_MESSAGE_BYTES) throw new CarrierError("too-long");
    if (!this.#up) throw new CarrierError("down");
    await new Promise((resolve) => setImmediate(resolve));
    return this.#wire.request(message);
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
    if (this.#up && report.length <= MAX_REPORT_BYTES) setImmediate(() => this.#wire.report(report));
  }

  close(): void {
    this.#wire.closed();
    this.#up = false;
  }

  deliver(message: Uint8Array): void {
    if (this.#up) this.#onBroadcast(message);
  }

  setUp(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    if (up) this.#onUp();
    else this.#onDown();
  }
}
