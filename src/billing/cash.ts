import { createHmac } from "node:crypto";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { seal, unseal } from "../lib/seal.ts";
import { plainCode } from "../lib/typed-code.ts";
import { goesWithDay, LIFETIMES } from "../policy/lifetimes.ts";
import type { Money } from "../policy/money.ts";
import type { Store } from "../store/open.ts";
import type { Payments } from "./payments.ts";
import type { Begun, CheckoutUrls, CreditRefusal, Finished, PaymentProvider } from "./providers.ts";
import type { SealedOrder } from "./sealed-order.ts";

const DAY_S = 86_400;
/** 80 random bits: few enough to be written by hand, too many to be tried even with the office's key and database at hand. */
export const CASH_CODE_CHARACTERS = 16;
/** As it stands on paper: `abcd-efgh-ijkl-mnop`. */
export const CASH_CODE_GROUP = 4;
/** The order in its row is padded to this, so that its length does not say what it is for. */
const SEALED_BYTES = 384;

/** An order that waits for its envelope, as the operator sees it in the list: its code is in no file. */
export interface WaitingCash {
  plan: string;
  days: number;
  price: Money;
  /** The day on which it was ordered, UTC seconds. */
  orderedS: number;
}

export interface CashOrder extends WaitingCash {
  /** Whether an account is extended or a voucher made; whose account it is concerns nobody. */
  kind: SealedOrder["kind"];
}

export interface BookedCash extends CashOrder {
  /** It had been booked before; nothing was done now. */
  already: boolean;
}

/** `cash-unknown`: no such code, or its lifetime is over. */
export type CashError = "cash-unknown" | CreditRefusal;

/**
 * Cash by mail. Whoever orders gets a code to put into the envelope; the office keeps a keyed hash of it and what was ordered,
 * sealed under a key that the code alone gives, until the operator books the money or it has not come in time.
 */
export class Cash implements PaymentProvider {
  readonly method = "cash";
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #payments: Payments;
  readonly #hashKey: Uint8Array;
  readonly #sealKey: Uint8Array;
  readonly #codeKey: Uint8Array;

  /** `paymentKey`: 32 bytes that the office alone has. */
  constructor(options: { store: Store; clock: Clock; payments: Payments; paymentKey: Uint8Array }) {
    if (options.paymentKey.length !== 32) throw new RangeError("paymentKey: 32 bytes");
    this.#store = options.store;
    this.#clock = options.clock;
    this.#payments = options.payments;
    this.#hashKey = deriveKey(options.paymentKey, "lethe cash code hash");
    this.#sealKey = deriveKey(options.paymentKey, "lethe cash order seal");
    this.#codeKey = deriveKey(options.paymentKey, "lethe cash codes");
  }

  /** The order waits for its envelope from now on. The same order gets the same code. */
  async begin(
    order: SealedOrder,
    text: string,
    urls: CheckoutUrls,
  ): Promise<Result<Begun, "provider-refused">> {
    const mac = createHmac("sha256", this.#codeKey).update(text).digest();
    const code = base32(mac, CASH_CODE_CHARACTERS);
    const begun = ok({ redirect: urls.returnTo, reference: code });
    if ((await this.#payments.find("cash", code)) !== undefined) return begun;
    await this.#store.db
      .insertInto("cash_orders")
      .values({
        code_hash: this.#hash(code),
        plan: order.plan,
        days: order.days,
        amount_minor: order.price.minor,
        currency: order.price.currency,
        sealed: this.#sealed(code, order),
        delete_after: goesWithDay(this.#nowS(), LIFETIMES.cashOrder.days),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return begun;
  }

  /** `reference`: the code. */
  async finish(reference: string): Promise<Finished> {
    const code = plainCode(reference, CASH_CODE_CHARACTERS);
    if (code === undefined) return { state: "failed", reason: "expired" };
    if ((await this.#payments.find("cash", code))?.state === "paid")
      return { state: "paid", provider: "cash", paymentId: code };
    return (await this.#orderOf(code)) === undefined
      ? { state: "failed", reason: "expired" }
      : { state: "waiting" };
  }

  /** What waits for an envelope, the oldest first. */
  async list(): Promise<WaitingCash[]> {
    const rows = await this.#store.db
      .selectFrom("cash_orders")
      .select(["plan", "days", "amount_minor", "currency", "delete_after"])
      .where("delete_after", ">", this.#nowS())
      .orderBy("delete_after")
      .execute();
    return rows.map(waiting);
  }

  /** What an envelope's code was ordered for; undefined where there is no such order. */
  async look(typed: string): Promise<CashOrder | undefined> {
    const code = plainCode(typed, CASH_CODE_CHARACTERS);
    const found = code === undefined ? undefined : await this.#orderOf(code);
    return found && { ...found.waiting, kind: found.order.kind };
  }

  /**
   * Credits the order of an envelope; `paid` is what was in it, the price where it is left out. Once: a code that was booked
   * before is told as `already`. Too little counts for nothing and leaves the order as it is.
   */
  async book(typed: string, paid?: Money): Promise<Result<BookedCash, CashError>> {
    const code = plainCode(typed, CASH_CODE_CHARACTERS);
    if (code === undefined) return fail("cash-unknown");
    const found = await this.#orderOf(code);
    if (found === undefined) {
      // A crash after the credit, or a second click: the row is gone, the payment is known.
      const before = await this.#payments.find("cash", code);
      if (before === undefined) return fail("cash-unknown");
      const { plan, days, paid: price, atS: orderedS, accountId } = before;
      const kind = accountId === undefined ? "voucher" : "account";
      return ok({ plan, days, price, orderedS, kind, already: true });
    }
    const { order, waiting } = found;
    const credited = await this.#payments.credit({
      provider: "cash",
      method: "cash",
      paymentId: code,
      order,
      paid: paid ?? order.price,
      atS: this.#nowS(),
    });
    if (!credited.ok) return credited;
    await this.#remove(code);
    return ok({ ...waiting, kind: order.kind, already: credited.value.outcome === "already" });
  }

  /** Forgets an order whose money will not come. False where there is none. */
  async cancel(typed: string): Promise<boolean> {
    const code = plainCode(typed, CASH_CODE_CHARACTERS);
    return code !== undefined && (await this.#remove(code));
  }

  async #remove(code: string): Promise<boolean> {
    const { numDeletedRows } = await this.#store.db
      .deleteFrom("cash_orders")
      .where("code_hash", "=", this.#hash(code))
      .executeTakeFirst();
    await this.#store.scrub();
    return numDeletedRows > 0n;
  }

  async #orderOf(code: string): Promise<{ order: SealedOrder; waiting: WaitingCash } | undefined> {
    const row = await this.#store.db
      .selectFrom("cash_orders")
      .selectAll()
      .where("code_hash", "=", this.#hash(code))
      .where("delete_after", ">", this.#nowS())
      .executeTakeFirst();
    return row && { order: this.#opened(code, row.sealed), waiting: waiting(row) };
  }

  #sealed(code: string, order: SealedOrder): string {
    const text = JSON.stringify(order).padEnd(SEALED_BYTES);
    return seal(this.#keyOf(code), text).toString("base64");
  }

  /** Throws where the row is not as we wrote it: a damaged database, which nobody should book money by. */
  #opened(code: string, sealed: string): SealedOrder {
    return JSON.parse(unseal(this.#keyOf(code), Buffer.from(sealed, "base64")).toString()) as SealedOrder;
  }

  #keyOf(code: string): Uint8Array {
    return deriveKey(this.#sealKey, "one cash order", code);
  }

  #hash(code: string): string {
    return createHmac("sha256", this.#hashKey).update(code).digest("hex");
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

function waiting(row: {
  plan: string;
  days: number;
  amount_minor: number;
  currency: string;
  delete_after: number;
}): WaitingCash {
  return {
    plan: row.plan,
    days: row.days,
    price: { minor: Number(row.amount_minor), currency: row.currency },
    orderedS: Number(row.delete_after) - (LIFETIMES.cashOrder.days + 1) * DAY_S,
  };
}
