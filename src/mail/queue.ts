import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { Kysely } from "kysely";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { type Deliver, type Delivery, type Letter, type LetterProblem, letterProblem } from "./letter.ts";
import { openLetter, sealLetter } from "./sealed-letter.ts";

const KEEP_S = LIFETIMES.queuedMail.days * 86_400;
/** A letter whose sender was killed in the middle is anybody's again after so long. */
const CLAIM_S = 600;
const FIRST_WAIT_S = 60;
const LONGEST_WAIT_S = 4 * 3600;
const AT_ONCE = 50;
const WAITING_MOST = 50_000;
const LOOK_EVERY_MS = 15_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
const CLOSE_MS = 2000;

export interface EnqueueOptions {
  /** Not sent any more after so many seconds: what stands in it is over by then. At most three days. */
  goodForS?: number;
}

/**
 * Letters that wait for the mail server, in the database, so that a restart loses none. Each is sealed under a key that is
 * not there; it is deleted once the server has taken it or refused it for good, and after three days at the latest. One
 * that was handed over at the very instant of a crash is sent again, with the same Message-ID.
 */
export class MailQueue {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #deliver: Deliver;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> | undefined;
  #again = false;
  #closed = false;
  /** While the server is in trouble nothing is tried (monotonic time), longer each time. */
  #pausedUntilMs = 0;
  #pauseMs = 0;

  /** `key`: 32 bytes, the same on every office of a service. */
  constructor(options: { store: Store; clock: Clock; key: Uint8Array; deliver: Deliver; log: Log }) {
    if (options.key.length !== 32) throw new RangeError("key: 32 bytes");
    this.#store = options.store;
    this.#clock = options.clock;
    this.#key = options.key;
    this.#deliver = options.deliver;
    this.#log = options.log;
  }

  /** Takes a letter to be sent soon; it stands in the database when this resolves. Throws StoreError. */
  async enqueue(
    letter: Letter,
    options: EnqueueOptions = {},
  ): Promise<Result<void, LetterProblem | "queue-full">> {
    if ((await this.waiting()) >= WAITING_MOST) return fail("queue-full");
    const outcome = await this.enqueueIn(this.#store.db, letter, options);
    if (outcome.ok) this.soon();
    return outcome;
  }

  /** The same inside a transaction: the letter goes if that stands. Call `soon` afterwards. */
  async enqueueIn(
    db: Kysely<Tables>,
    letter: Letter,
    { goodForS = KEEP_S }: EnqueueOptions = {},
  ): Promise<Result<void, LetterProblem>> {
    const problem = letterProblem(letter);
    if (problem !== undefined) return fail(problem);
    const id = base32(randomBytes(16));
    const nowS = this.#nowS();
    await db
      .insertInto("mail_queue")
      .values({
        id,
        sealed: sealLetter(this.#key, id, letter),
        not_before: nowS,
        attempts: 0,
        delete_after: nowS + Math.min(goodForS, KEEP_S),
      })
      .execute();
    return ok(undefined);
  }

  /** How many letters wait. */
  async waiting(): Promise<number> {
    const { count } = await this.#store.db
      .selectFrom("mail_queue")
      .select((expression) => expression.fn.countAll<number | string>().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Begins to send, now and whenever a letter's time has come. */
  start(): void {
    this.#timer = setInterval(() => this.soon(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.soon();
  }

  /** Looks for letters now; a look that is under way is followed by another. */
  soon(): void {
    if (this.#timer === undefined || this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.round()
      .catch((error: unknown) => this.#log("store-unwritable", { reason: reasonOf(error) }))
      .finally(() => {
        this.#running = undefined;
        if (this.#again) {
          this.#again = false;
          this.soon();
        }
      });
  }

  /**
   * Resolves when the letter that is being handed over is through, or after two seconds; the rest waits for the next start,
   * that one too, if the mail server has not said by then that it has it.
   */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.race([this.#running, setTimeout(CLOSE_MS, undefined, { ref: false })]);
  }

  /** Sends what is due, one after another, and returns how many the server took. Throws StoreError. */
  async round(): Promise<number> {
    let sent = 0;
    let gone = 0;
    for (const row of await this.#due()) {
      if (this.#closed || this.#clock.monotonic() < this.#pausedUntilMs) break;
      const attempts = row.attempts + 1;
      if (!(await this.#claim(row.id, row.not_before, attempts))) continue;
      const letter = openLetter(this.#key, row.id, row.sealed);
      const outcome: Delivery = letter === undefined ? "refused" : await this.#deliver(letter, row.id);
      if (outcome === "sent") sent++;
      if (outcome === "sent" || outcome === "refused") {
        await this.#store.db.deleteFrom("mail_queue").where("id", "=", row.id).execute();
        gone++;
      } else {
        const notBefore = this.#nowS() + waitAfter(attempts);
        await this.#store.db
          .updateTable("mail_queue")
          .set({ not_before: notBefore })
          .where("id", "=", row.id)
          .execute();
      }
      if (outcome !== "sent") this.#log("mail-undelivered", { reason: outcome });
      this.#pause(outcome);
    }
    // The text of what was sent leaves the files, too.
    if (gone > 0) await this.#store.scrub();
    return sent;
  }

  #due() {
    const nowS = this.#nowS();
    return this.#store.db
      .selectFrom("mail_queue")
      .select(["id", "sealed", "not_before", "attempts"])
      .where("not_before", "<=", nowS)
      .where("delete_after", ">", nowS)
      .orderBy("not_before")
      .limit(AT_ONCE)
      .execute();
  }

  /** Several offices may look at one time: whoever moves the row's time first has it. */
  async #claim(id: string, notBefore: number, attempts: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#store.db
      .updateTable("mail_queue")
      .set({ not_before: this.#nowS() + CLAIM_S, attempts })
      .where("id", "=", id)
      .where("not_before", "=", notBefore)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  #pause(outcome: Delivery): void {
    const trouble = outcome !== "sent" && outcome !== "refused" && outcome !== "later";
    this.#pauseMs = trouble ? Math.min(LONGEST_PAUSE_MS, Math.max(LOOK_EVERY_MS, 2 * this.#pauseMs)) : 0;
    this.#pausedUntilMs = this.#clock.monotonic() + this.#pauseMs;
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** Seconds until the next try: 1, 2, 4 … minutes, at most four hours. */
const waitAfter = (attempts: number): number =>
  Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** Math.min(attempts - 1, 20));
