import { createHmac } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import { REMINDER_DAYS } from "../policy/lifetimes.ts";
import type { Store } from "../store/open.ts";
import { letterProblem } from "./letter.ts";
import { reminderLetter, type SpokenSite } from "./letters.ts";
import type { MailQueue } from "./queue.ts";

const DAY_S = 86_400;
/** An office that was down on the day itself catches up for so long; after that the reminder of so many days is none. */
const CATCH_UP_S = 2 * DAY_S;
const PAGE_ROWS = 200;

/**
 * Tells members whose paid time is about to end, once 7 and once 1 day before, also across restarts and with several
 * offices: a mark, made in the same transaction as the letter, says that it was told. Nobody is told who gave no address or
 * has not confirmed it, is cut off, or pays by a subscription that renews by itself.
 */
export class Reminders {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #queue: Pick<MailQueue, "enqueueIn" | "soon">;
  readonly #site: SpokenSite;

  /** `key`: 32 bytes, the same on every office of a service. */
  constructor(options: {
    store: Store;
    clock: Clock;
    key: Uint8Array;
    queue: Pick<MailQueue, "enqueueIn" | "soon">;
    site: SpokenSite;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#key = options.key;
    this.#queue = options.queue;
    this.#site = options.site;
  }

  /** Puts the letters that are due now into the queue and returns how many that were. To be called every hour. Throws StoreError. */
  async round(): Promise<number> {
    const nowS = Math.floor(this.#clock.now() / 1000);
    let count = 0;
    for (const days of REMINDER_DAYS) count += await this.#remind(nowS, days);
    if (count > 0) this.#queue.soon();
    return count;
  }

  async #remind(nowS: number, days: number): Promise<number> {
    const latest = nowS + days * DAY_S;
    const earliest = Math.max(nowS, latest - CATCH_UP_S);
    let count = 0;
    let after = "";
    for (;;) {
      const rows = await this.#store.db
        .selectFrom("accounts")
        .select(["id", "email", "paid_until"])
        .where("paid_until", ">", earliest)
        .where("paid_until", "<=", latest)
        .where("email_verified", "=", 1)
        .where("terminated", "=", 0)
        .where("renews", "=", 0)
        .where("id", ">", after)
        .orderBy("id")
        .limit(PAGE_ROWS)
        .execute();
      for (const { id, email, paid_until: paidUntil } of rows)
        if (email !== null && paidUntil !== null && (await this.#tell(id, email, paidUntil, days, nowS)))
          count++;
      if (rows.length < PAGE_ROWS) return count;
      after = rows.at(-1)!.id;
      await nextTurn();
    }
  }

  async #tell(id: string, email: string, paidUntil: number, days: number, nowS: number): Promise<boolean> {
    const hash = createHmac("sha256", this.#key).update(`${days} ${paidUntil} ${id}`).digest("base64url");
    const daysLeft = Math.ceil((paidUntil - nowS) / DAY_S);
    const letter = reminderLetter(this.#site, email, paidUntil, daysLeft);
    if (letterProblem(letter) !== undefined) return false;
    const known = await this.#store.db
      .selectFrom("mail_marks")
      .select("hash")
      .where("hash", "=", hash)
      .executeTakeFirst();
    if (known !== undefined) return false;
    return this.#store.db.transaction().execute(async (trx) => {
      const { numInsertedOrUpdatedRows = 0n } = await trx
        .insertInto("mail_marks")
        .values({ hash, delete_after: paidUntil + DAY_S })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows !== 1n) return false;
      await this.#queue.enqueueIn(trx, letter, { goodForS: paidUntil - nowS });
      return true;
    });
  }
}
