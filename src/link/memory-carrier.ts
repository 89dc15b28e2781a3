import { CarrierError, type ExitCarrier, MAX_MESSAGE_BYTES, type OfficeCarrier } from "./carrier.ts";

/** A carrier inside one process, for tests: messages are copied and arrive in a later turn, as they would elsewhere. */
export class MemoryCarrier implements OfficeCarrier {
  #handler: ((request: Uint8Array) => Uint8Array | Promise<Uint8Array>) | undefined;
  #totals: (totals: Uint8Array) => void = () => {};
  #exits = new Set<MemoryExit>();
  #running = false;

  serve(handler: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>): void {
    this.#handler = handler;
  }

  onTotals(callback: (totals: Uint8Array) => void): void {
    this.#totals = callback;
  }

  broadcast(message: Uint8Array): void {
    if (!this.#running) return;
    for (const exit of this.#exits) {
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
  connect(): ExitCarrier {
    const exit: MemoryExit = new MemoryExit({
      started: () => {
        this.#exits.add(exit);
        exit.setUp(this.#running);
      },
      closed: () => this.#exits.delete(exit),
      request: async (message) => {
        try {
          return (await this.#handler!(message.slice())).slice();
        } catch {
          throw new CarrierError("refused");
        }
      },
      totals: (totals) => this.#totals(totals.slice()),
    });
    return exit;
  }
}

interface Wire {
  started(): void;
  closed(): void;
  request(message: Uint8Array): Promise<Uint8Array>;
  totals(totals: Uint8Array): void;
}

class MemoryExit implements ExitCarrier {
  #wire: Wire;
  #up = false;
  #onBroadcast: (message: Uint8Array) => void = () => {};
  #onUp: () => void = () => {};
  #onDown: () => void = () => {};

  constructor(wire: Wire) {
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

  publishTotals(totals: Uint8Array): void {
    if (this.#up) setImmediate(() => this.#wire.totals(totals));
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
