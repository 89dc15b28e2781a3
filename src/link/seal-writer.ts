import { type Log, reasonOf } from "../lib/event-log.ts";
import { type SealedRoster, writeSealed } from "./seal.ts";

const SEAL_AFTER_MS = 1000;

/** Keeps the sealed roster up to date: soon after a change, several in one go. */
export class SealWriter {
  readonly #path: string;
  readonly #key: Uint8Array;
  readonly #log: Log;
  readonly #roster: () => SealedRoster | undefined;
  #due: NodeJS.Timeout | undefined;
  #tookMs = 0;
  #closed = false;

  /** `roster`: as it is now; nothing where there is none yet. */
  constructor(options: {
    path: string;
    /** 32 bytes. */
    key: Uint8Array;
    log: Log;
    roster: () => SealedRoster | undefined;
  }) {
    this.#path = options.path;
    this.#key = options.key;
    this.#log = options.log;
    this.#roster = options.roster;
  }

  /** Something of it is another. */
  later(): void {
    if (this.#closed) return;
    // A large roster takes a while to seal; changes must not make that all we do.
    this.#due ??= setTimeout(() => this.#write(), SEAL_AFTER_MS + 50 * this.#tookMs);
  }

  #write(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    const roster = this.#roster();
    if (roster === undefined) return;
    const start = performance.now();
    try {
      writeSealed(this.#path, this.#key, roster);
    } catch (error) {
      this.#log("seal-unwritable", { reason: reasonOf(error) });
    }
    this.#tookMs = performance.now() - start;
  }

  /** Writes what is due. */
  close(): void {
    this.#closed = true;
    if (this.#due !== undefined) this.#write();
  }
}
