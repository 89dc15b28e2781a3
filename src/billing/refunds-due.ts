import type { Kysely, Transaction } from "kysely";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { seal, unseal } from "../lib/seal.ts";
import { goesWithDay, LIFETIMES } from "../policy/lifetimes.ts";
import type { Store } from "../store/open.ts";
import type { RefundDueRow, Tables } from "../store/tables.ts";
import type { ProviderName } from "./providers.ts";

const DAY_S = 86_400;
/** Whoever has begun to ask the provider has so long for it: an office that was killed in the middle leaves it to anybody then. */
const CLAIM_S = 600;
const FIRST_WAIT_S = 60;
const LONGEST_WAIT_S = 6 * 3600;
const AT_ONCE = 20;
/** The sealed text is padded to this: its length says nothing of the payment. */
const PAD_BYTES = 256;

/** A payment that is to be given back and is not yet. */
export interface RefundDue {
  provider: ProviderName;
  paymentId: string;
  /** Is to be cancelled with it. */
  subscription?: string | undefined;
  /** The provider makes it already, and this is its id of the refund: nobody asks for it again, it is looked at until it is through. */
  pendingAs?: string | undefined;
}

/** How one of them stands, for the operator. */
export interface RefundDueView extends RefundDue {
  /** The day on which it was granted, UTC seconds. */
  sinceS: number;
  /** How often the provider was asked since, by itself; of one that is `pendingAs`: was looked at. */
  attempts: number;
  /** When it is asked next, UTC seconds; undefined: no more, it is the operator's to do. */
  nextS: number | undefined;
}

type Row = { [Name in keyof RefundDueRow]: Name extends "attempts" ? number : RefundDueRow[Name] };

/**
 * The rows of `refunds_due`: payments that are being given back, so that this goes on by itself if the provider is silent or the
 * office dies. A row stands and goes with the payment's state (payments.ts), in one transaction. It names neither account nor
 * amount, and the payment's number only to whoever has the office's key.
 */
export class RefundsDue {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #key: Uint8Array;

  constructor(options: { store: Store; clock: Clock; paymentKey: Uint8Array }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#key = deriveKey(options.paymentKey, "lethe refunds due");
  }

  /**
   * Notes it, unless it is noted. `hash`: the payment's in `payment_events`. `claimed`: the caller asks the provider now; others
   * leave it alone for as long as that can take. `stopped`: nobody asks; it is the operator's from the beginning.
   */
  async addIn(
    db: Pick<Kysely<Tables>, "insertInto">,
    hash: string,
    due: RefundDue,
    how: "claimed" | "later" | "stopped",
  ): Promise<void> {
    const nowS = this.#nowS();
    const delete_after = goesWithDay(nowS, LIFETIMES.refundDue.days);
    const not_before = { claimed: nowS + CLAIM_S, later: nowS + FIRST_WAIT_S, stopped: delete_after }[how];
    await db
      .insertInto("refunds_due")
      .values({
        event_hash: hash,
        sealed: this.#seal(hash, due),
        not_before,
        attempts: 0,
        delete_after,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /**
   * It is on its way, and is looked at from now on (`pendingAs`): a row that asked for it becomes one that looks, also where it was
   * the operator's already.
   */
  async watchIn(db: Transaction<Tables>, hash: string, due: RefundDue): Promise<void> {
    await this.addIn(db, hash, due, "later");
    await db
      .updateTable("refunds_due")
      .set({ sealed: this.#seal(hash, due), not_before: this.#nowS() + FIRST_WAIT_S, attempts: 0 })
      .where("event_hash", "=", hash)
      .execute();
  }

  /** `watched`: also one that the provider is making. */
  async removeIn(
    db: Pick<Kysely<Tables>, "selectFrom" | "deleteFrom">,
    hash: string,
    { watched = true }: { watched?: boolean } = {},
  ): Promise<void> {
    const row = watched ? undefined : await this.#rowOf(hash, db);
    if (row !== undefined && !isStopped(row) && this.#open(row).pendingAs !== undefined) return;
    await db.deleteFrom("refunds_due").where("event_hash", "=", hash).execute();
  }

  async remove(hash: string): Promise<void> {
    await this.removeIn(this.#store.db, hash);
    await this.#store.scrub();
  }

  /** Those whose time has come, each claimed for this office: of several that look at one time one gets it. */
  async *take(): AsyncGenerator<RefundDue & { hash: string }> {
    const nowS = this.#nowS();
    const rows = await this.#store.db
      .selectFrom("refunds_due")
      .selectAll()
      .where("not_before", "<=", nowS)
      .where("delete_after", ">", nowS)
      .orderBy("not_before")
      .limit(AT_ONCE)
      .execute();
    for (const row of rows) {
      const { numUpdatedRows } = await this.#store.db
        .updateTable("refunds_due")
        .set({ not_before: this.#nowS() + CLAIM_S, attempts: row.attempts + 1 })
        .where("event_hash", "=", row.event_hash)
        .where("not_before", "=", row.not_before)
        .executeTakeFirst();
      if (numUpdatedRows === 1n) yield { hash: row.event_hash, ...this.#open(row) };
    }
  }

  /** It is to be tried again, later each time. "stopped": it has been tried for long enough, and is the operator's from here on; "stopped-before": it was. */
  async later(hash: string): Promise<"later" | "stopped" | "stopped-before" | "gone"> {
    const row = await this.#rowOf(hash);
    if (row === undefined) return "gone";
    if (isStopped(row)) return "stopped-before";
    const nowS = this.#nowS();
    const endS = triedUntil(row);
    if (nowS >= endS) {
      await this.stop(hash);
      return "stopped";
    }
    const waitS = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** Math.min(Math.max(0, row.attempts - 1), 20));
    await this.#set(hash, Math.min(endS, nowS + waitS));
    return "later";
  }

  /** It is not tried any more; the row stays until its end, for the operator to see. */
  stop(hash: string): Promise<void> {
    return this.stopIn(this.#store.db, hash);
  }

  async stopIn(db: Pick<Kysely<Tables>, "updateTable">, hash: string): Promise<void> {
    await db
      .updateTable("refunds_due")
      .set(({ ref }) => ({ not_before: ref("delete_after") }))
      .where("event_hash", "=", hash)
      .execute();
  }

  /** Whether it is the operator's to do. */
  async isStopped(hash: string, db: Pick<Kysely<Tables>, "selectFrom"> = this.#store.db): Promise<boolean> {
    const row = await this.#rowOf(hash, db);
    return row !== undefined && isStopped(row);
  }

  async has(hash: string, db: Pick<Kysely<Tables>, "selectFrom">): Promise<boolean> {
    return (await this.#rowOf(hash, db)) !== undefined;
  }

  /** All of them, oldest first. */
  async list(): Promise<RefundDueView[]> {
    const rows = await this.#store.db
      .selectFrom("refunds_due")
      .selectAll()
      .where("delete_after", ">", this.#nowS())
      .orderBy("delete_after")
      .orderBy("event_hash")
      .execute();
    return rows.map((row) => ({
      ...this.#open(row),
      sinceS: row.delete_after - (1 + LIFETIMES.refundDue.days) * DAY_S,
      attempts: row.attempts,
      nextS: isStopped(row) ? undefined : row.not_before,
    }));
  }

  #rowOf(hash: string, db: Pick<Kysely<Tables>, "selectFrom"> = this.#store.db): Promise<Row | undefined> {
    return db.selectFrom("refunds_due").selectAll().where("event_hash", "=", hash).executeTakeFirst();
  }

  async #set(hash: string, not_before: number): Promise<void> {
    await this.#store.db
      .updateTable("refunds_due")
      .set({ not_before })
      .where("event_hash", "=", hash)
      .execute();
  }

  #seal(hash: string, { provider, paymentId, subscription, pendingAs }: RefundDue): string {
    const text = JSON.stringify([provider, paymentId, subscription, pendingAs]).padEnd(PAD_BYTES);
    return seal(this.#key, text, { bound: hash }).toString("base64");
  }

  /** Throws where the row is not as we wrote it: a damaged database, which nobody should go on with. */
  #open({ event_hash, sealed }: Pick<Row, "event_hash" | "sealed">): RefundDue {
    const text = unseal(this.#key, Buffer.from(sealed, "base64"), event_hash).toString();
    const [provider, paymentId, subscription, pendingAs] = JSON.parse(text) as [
      ProviderName,
      string,
      string | null,
      string | null,
    ];
    return {
      provider,
      paymentId,
      subscription: subscription ?? undefined,
      pendingAs: pendingAs ?? undefined,
    };
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** PayPal knows a repeated request as the same for 45 days, a sale's for 30 (PayPal-Request-Id, Payments v2 and v1): it ends well before. */
const triedUntil = ({ delete_after }: Pick<Row, "delete_after">): number =>
  delete_after - (LIFETIMES.refundDue.days - LIFETIMES.refundTried.days) * DAY_S;

const isStopped = ({ not_before, delete_after }: Pick<Row, "not_before" | "delete_after">): boolean =>
  not_before >= delete_after;
