import type { Protocol } from "./documents.ts";

/**
 * How bytes get from the office to the exits and back. A carrier promises neither secrecy nor honesty: what goes down is
 * signed, what goes up names nobody. It does say whom a request or a report is from (`from`, a server's name), as well as
 * it knows: by the exit's key on NATS, by whose socket it is on one machine. Messages are whole and at most
 * MAX_MESSAGE_BYTES; a broadcast reaches the exits that are connected at that moment, in the order sent, or their connection is
 * dropped.
 */
export const MAX_MESSAGE_BYTES = 8_000_000;
/** A report is a few hundred bytes; nothing near this has an honest reason. */
export const MAX_REPORT_BYTES = 4096;

export type RequestHandler = (request: Uint8Array, from: string) => Uint8Array | Promise<Uint8Array>;
export type ReportHandler = (report: Uint8Array, from: string) => Promise<void>;

/** Who is to hear a broadcast: one server, the exits that speak one protocol, or (nothing said) all. */
export interface Audience {
  server?: string;
  protocol?: Protocol;
}

export interface OfficeCarrier {
  /** Set before `start`. A handler that throws or rejects makes the exit's request fail. */
  serve(handler: RequestHandler): void;
  broadcast(message: Uint8Array, to?: Audience): void;
  /**
   * Set before `start`. A report counts as taken in when the promise resolves; where a carrier keeps reports (NATS), one whose
   * promise rejects comes again.
   */
  onReport(callback: ReportHandler): void;
  /** Set before `start`. Called when exits may have missed broadcasts through no fault of theirs. */
  onResumed(callback: () => void): void;
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
  /** On one machine dropped where the office cannot be reached; on NATS kept, the newest so many, until the server has it. */
  publishReport(report: Uint8Array): void;
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
