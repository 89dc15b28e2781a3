import type { Reason } from "../lib/event-log.ts";

/** Something that came down the link is not taken, and why. Never carries any of it. */
export class Refused extends Error {
  readonly reason: Reason;

  constructor(reason: Reason) {
    super(`refused: ${reason}`);
    this.reason = reason;
  }
}
