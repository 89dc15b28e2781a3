import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { Result } from "../lib/result.ts";
import { checkPair, type GoodPair, type Pair } from "./pair.ts";
import { backOffMs, type Chance, renewAt } from "./schedule.ts";
import type { CertificateState, OrderProblem } from "./state.ts";

/** Where account key and certificate last, 0600: a folder in the office, root's folder on an exit. */
export interface CertificateStore {
  read(name: StoredName): string | undefined;
  /** Whole or not at all. Throws, or rejects, where it cannot be written. */
  write(name: StoredName, content: string): void | Promise<void>;
}
export type StoredName = "account.key" | "certificate.pem";

export interface RenewedOptions {
  names: readonly string[];
  store: CertificateStore;
  /** Has one made, with the account of this key; see order.ts. */
  order(accountKey: string): Promise<Result<Pair, OrderProblem>>;
  newAccountKey(): string;
  clock: Clock;
  log: Log;
  /** A certificate to use from now on, one of an earlier life included. */
  onPair(pair: GoodPair): void;
  onState(state: CertificateState): void;
  chance?: Chance;
}

/** The wall clock may be set, and timers reach 24 days only: looked at anew at least so often. */
const LOOK_EVERY_MS = 3_600_000;

/**
 * A certificate from an ACME authority that renews itself. A renewal that fails takes nothing away: what is in use stays in
 * use until its end, and the next try comes after a back-off.
 */
export class RenewedCertificate {
  readonly #options: RenewedOptions;
  #pair: GoodPair | undefined;
  #dueMs = 0;
  #failures = 0;
  /** On the monotonic clock: no try before. */
  #quietUntil = 0;
  #problem: CertificateState["problem"];
  #timer: NodeJS.Timeout | undefined;
  #ordering: Promise<void> | undefined;
  #closed = false;

  constructor(options: RenewedOptions) {
    this.#options = options;
  }

  /** Uses what an earlier life has left, where it is good, and begins to look after it. */
  start(): void {
    const { store, names, clock } = this.#options;
    const stored = store.read("certificate.pem");
    if (stored !== undefined) {
      const checked = checkPair({ certificate: stored, key: stored }, names, clock.now());
      if (checked.ok) this.#use(checked.value);
      else this.#options.log("certificate-refused", { reason: checked.error });
    }
    this.#tell();
    this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Orders if it is time. Resolves when that is over; the tests' way to let time pass. */
  async look(): Promise<void> {
    const { clock } = this.#options;
    const due = this.#pair === undefined || clock.now() >= this.#dueMs;
    if (!due || clock.monotonic() < this.#quietUntil) return;
    this.#ordering ??= this.#order().finally(() => {
      this.#ordering = undefined;
    });
    await this.#ordering;
  }

  #look(): void {
    void this.look().finally(() => {
      if (this.#closed) return;
      const { clock } = this.#options;
      const untilDue = this.#pair === undefined ? 0 : this.#dueMs - clock.now();
      const wait = Math.max(untilDue, this.#quietUntil - clock.monotonic(), 1000);
      this.#timer = setTimeout(() => this.#look(), Math.min(wait, LOOK_EVERY_MS)).unref();
    });
  }

  async #order(): Promise<void> {
    const { store, names, clock, log, newAccountKey } = this.#options;
    let accountKey = store.read("account.key");
    try {
      if (accountKey === undefined) {
        accountKey = newAccountKey();
        await store.write("account.key", accountKey);
      }
    } catch (error) {
      log("certificate-unwritable", { reason: reasonOf(error) });
      return this.#failed("unwritable");
    }
    const ordered = await this.#options.order(accountKey);
    if (this.#closed) return;
    if (!ordered.ok) return this.#failed(ordered.error);
    const checked = checkPair(ordered.value, names, clock.now());
    if (!checked.ok) return this.#failed(checked.error);
    this.#failures = 0;
    this.#problem = undefined;
    this.#use(checked.value);
    log("certificate-renewed");
    try {
      await store.write("certificate.pem", `${checked.value.certificate.trim()}\n${checked.value.key}`);
    } catch (error) {
      // It serves from memory; a restart will order another.
      log("certificate-unwritable", { reason: reasonOf(error) });
      this.#problem = "unwritable";
    }
    this.#tell();
  }

  #use(pair: GoodPair): void {
    this.#pair = pair;
    this.#dueMs = renewAt(pair, this.#options.chance);
    this.#options.onPair(pair);
  }

  #failed(problem: NonNullable<CertificateState["problem"]>): void {
    this.#failures += 1;
    this.#problem = problem;
    const waitMs = backOffMs(this.#failures, this.#options.chance);
    this.#quietUntil = this.#options.clock.monotonic() + waitMs;
    this.#options.log("certificate-failed", { reason: problem, ms: Math.round(waitMs) });
    this.#tell();
  }

  #tell(): void {
    this.#options.onState({
      source: "acme",
      ...(this.#pair && { notAfterMs: this.#pair.notAfterMs }),
      ...(this.#problem && { problem: this.#problem }),
    });
  }
}
