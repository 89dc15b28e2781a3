/**
 * How bytes get from the office to the exits and back. A carrier promises neither secrecy nor honesty: what goes down is
 * signed, what goes up names nobody. Messages are whole and at most MAX_MESSAGE_BYTES; a broadcast reaches the exits
 * that are connected at that moment, in the order sent, or their connection is dropped.
 */
export const MAX_MESSAGE_BYTES = 8_000_000;

export interface OfficeCarrier {
  /** Set before `start`. A handler that throws or rejects makes the exit's request fail. */
  serve(handler: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>): void;
  broadcast(message: Uint8Array): void;
  onTotals(callback: (totals: Uint8Array) => void): void;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface ExitCarrier {
  /** Connects, and connects again whenever the connection is lost, until `close`. */
  start(): void;
  /** Rejects where the office cannot be reached, refuses, or takes longer than a few seconds. */
  request(message: Uint8Array): Promise<Uint8Array>;
  onBroadcast(callback: (message: Uint8Array) => void): void;
  onUp(callback: () => void): void;
  onDown(callback: () => void): void;
  /** Dropped where the office cannot be reached. */
  publishTotals(totals: Uint8Array): void;
  close(): void;
}

/** Why a request got no answer; carries nothing of what was asked. */
export class CarrierError extends Error {
  readonly code: "down" | "refused" | "timeout" | "too-long";

  constructor(code: CarrierError["code"]) {
    super(`carrier: ${code}`);
    this.code = code;
  }
}
