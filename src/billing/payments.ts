import { createHmac } from "node:crypto";
import type { Transaction } from "kysely";
import type { Accounts } from "../accounts/accounts.ts";
import type { Announce } from "../accounts/changes.ts";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { grouped } from "../lib/typed-code.ts";
import type { Span } from "../policy/expiry.ts";
import { goesAfter, LIFETIMES } from "../policy/lifetimes.ts";
import type { PaymentMethod } from "../policy/methods.ts";
import type { Money } from "../policy/money.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { PaymentEvents } from "./payment-events.ts";
import type { CreditRefusal, ProviderName } from "./providers.ts";
import { type RefundDue, RefundsDue } from "./refunds-due.ts";
import type { SealedOrder } from "./sealed-order.ts";
import { VOUCHER_CHARACTERS, type Vouchers } from "./vouchers.ts";

const DAY_S = 86_400;

export interface Credit {
  provider: ProviderName;
  method: PaymentMethod;
  /** The provider's id of this one payment: PayPal's capture or sale, BTCPay's invoice. */
  paymentId: string;
  order: SealedOrder;
  /** What the provider says came in. */
  paid: Money;
  /** When the provider took it, UTC seconds. */
  atS: number;
  subscription?: string | undefined;
  /** The provider's id of the payer; hashed where the office remembers payers, else not looked at. */
  payer?: string | undefined;
}

/** Why nothing is given back: it never counted, was taken back before, or bought a voucher that somebody has used. */
export type RefundRefusal = "payment-unknown" | "already" | "voucher-redeemed";

export interface Credited {
  /** `already`: before; `record` is what it is now, and may have been taken back since. */
  outcome: "credited" | "already";
  record: PaymentRecord;
}

/** What became of that which a payment had paid for. `not-counted-yet`: if it is reported later, it will count for nothing. */
export type Effect =
  | "account-shortened"
  | "account-gone"
  | "voucher-voided"
  | "voucher-redeemed"
  | "not-counted-yet"
  /** The buyer's bank had taken it before. */
  | "ended-before";

type Db = Pick<Transaction<Tables>, "selectFrom">;

/**
 * What was paid, once: a payment counts in the same transaction that writes its keyed hash, so that no repetition, order of
 * arrival, race or crash makes it count twice, or be written down and not count.
 */
export class Payments {
  /** What is being given back: written and deleted here, with the payments' states; tried by refunds.ts. */
  readonly due: RefundsDue;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #accounts: Accounts;
  readonly #vouchers: Vouchers;
  readonly #events: PaymentEvents;
  readonly #codeKey: Uint8Array;
  readonly #payerKey: Uint8Array | undefined;

  /** `paymentKey`: 32 bytes that the office alone has. `rememberPayers`: keep a keyed hash of each payer (LIFETIMES.payerHash). */
  constructor(options: {
    store: Store;
    clock: Clock;
    accounts: Accounts;
    vouchers: Vouchers;
    paymentKey: Uint8Array;
    rememberPayers?: boolean;
  }) {
    if (options.paymentKey.length !== 32) throw new RangeError("paymentKey: 32 bytes");
    this.#store = options.store;
    this.#clock = options.clock;
    this.#accounts = options.accounts;
    this.#vouchers = options.vouchers;
    this.#events = new PaymentEvents(options.paymentKey);
    this.due = new RefundsDue(options);
    this.#codeKey = deriveKey(options.paymentKey, "lethe bought vouchers");
    this.#payerKey = options.rememberPayers ? deriveKey(options.paymentKey, "lethe payers") : undefined;
  }

  /** Counts a payment that the provider itself has confirmed. Less than the price, or another currency, counts for nothing. */
  async credit(credit: Credit): Promise<Result<Credited, CreditRefusal>> {
    const { provider, paymentId, order, paid } = credit;
    return this.#accounts.transact<Credited, CreditRefusal>(async (trx, announce) => {
      const before = await this.#findIn(trx, provider, paymentId);
      if (before !== undefined && !isStillToCount(before)) return ok({ outcome: "already", record: before });
      if (paid.currency !== order.price.currency || paid.minor < order.price.minor)
        return fail("amount-differs");
      // A subscription's payments have an old order and are told by the provider as they come; any other one of this age may have
      // counted, and what said so is gone.
      const ageS = this.#nowS() - order.madeAt;
      if (credit.subscription === undefined && ageS > (LIFETIMES.paymentEvent.days - 1) * DAY_S)
        return fail("order-expired");
      const given = await this.#giveIn(trx, announce, credit);
      if (!given.ok) return given;
      if (order.coupon !== undefined) {
        const use = await this.#vouchers.countCouponIn(trx, order.coupon);
        // Who pays something keeps the price that was offered, as long as few do; for nothing at all the use itself is what is paid.
        // Whoever has sent cash cannot be asked, and has it not back: that keeps its price.
        if (use?.left !== true && order.price.minor === 0) return fail("coupon-used");
        if (use?.tooMany === true && provider !== "cash") return fail("coupon-used");
      }
      if (before !== undefined)
        await this.#rewriteIn(trx, provider, paymentId, {
          ...given.value,
          news: before.news,
          lost: before.lost,
        });
      else
        await trx
          .insertInto("payment_events")
          .values({
            event_hash: this.#events.hash(provider, paymentId),
            sealed: this.#events.seal(provider, paymentId, given.value),
            delete_after: goesAfter(this.#nowS(), LIFETIMES.paymentEvent.days),
          })
          .execute();
      // It could not count before, and was to be given back for that.
      await this.due.removeIn(trx, this.#events.hash(provider, paymentId));
      return ok({ outcome: "credited", record: given.value });
    });
  }

  /** What is known of a payment; undefined where it was never reported, or its lifetime is over. */
  find(provider: ProviderName, paymentId: string): Promise<PaymentRecord | undefined> {
    return this.#findIn(this.#store.db, provider, paymentId);
  }

  /** Whether an order would still be credited: to be asked before the buyer's money is taken. */
  async stillGood(order: SealedOrder): Promise<"good" | Exclude<CreditRefusal, "amount-differs">> {
    if (order.accountId !== undefined) {
      const account = (await this.#accounts.stampOf(order.accountId))?.account;
      if (account === undefined) return "account-gone";
      if (account.terminated) return "account-terminated";
    }
    if (order.coupon !== undefined && !(await this.#vouchers.coupon(order.coupon, order.plan)).ok)
      return "coupon-used";
    return "good";
  }

  /** The code of the voucher that this payment bought, `abcde-fghij-klmno-pqrst`: it follows from the payment and is stored nowhere. */
  voucherCode(provider: ProviderName, paymentId: string): string {
    const mac = createHmac("sha256", this.#codeKey).update(`${provider}\0${paymentId}`).digest();
    return grouped(base32(mac, VOUCHER_CHARACTERS));
  }

  /** Whether the voucher that was bought has been used (or its lifetime is over). */
  async voucherUsed({ voucherHash }: PaymentRecord): Promise<boolean> {
    return voucherHash !== undefined && !(await this.#vouchers.isUnused(voucherHash));
  }

  /**
   * To be asked before the provider is told to give a payment back. A voucher is void from here on, so that nobody redeems it while the
   * money is on its way. `again`: somebody has asked before, and may be at it or have died of it: the provider is to be told with the
   * same request id, so that it gives back once. From here on it goes on by itself (refunds-due.ts), until `takeBack` or
   * `refundFailed`.
   */
  async beginRefund(
    provider: ProviderName,
    paymentId: string,
  ): Promise<Result<{ record: PaymentRecord; again: boolean }, RefundRefusal>> {
    return this.#accounts.transact<{ record: PaymentRecord; again: boolean }, RefundRefusal>(async (trx) => {
      const record = await this.#findIn(trx, provider, paymentId);
      if (record === undefined) return fail("payment-unknown");
      const due = { provider, paymentId, subscription: record.subscription };
      const note = () => this.due.addIn(trx, this.#events.hash(provider, paymentId), due, "claimed");
      if (record.state === "refunding") {
        await note();
        return ok({ record, again: true });
      }
      if (record.state !== "paid") return fail("already");
      if (record.voucherHash !== undefined && !(await this.#vouchers.voidIn(trx, record.voucherHash)))
        return fail("voucher-redeemed");
      const begun = { ...record, state: "refunding" as const };
      await this.#rewriteIn(trx, provider, paymentId, begun);
      await note();
      return ok({ record: begun, again: false });
    });
  }

  /**
   * The provider will not give it back: everything is as before `beginRefund`. Not where it was granted earlier (`again`) or is the
   * operator's already, who may be paying it by hand: it is and stays the operator's then, and a voucher void.
   */
  async refundFailed(
    provider: ProviderName,
    paymentId: string,
    { again }: { again: boolean },
  ): Promise<"as-before" | "stopped" | "stopped-before"> {
    const hash = this.#events.hash(provider, paymentId);
    const outcome = await this.#accounts.transact<"as-before" | "stopped" | "stopped-before", never>(
      async (trx) => {
        const record = await this.#findIn(trx, provider, paymentId);
        if (record?.state !== "refunding") return ok("as-before");
        if (await this.due.isStopped(hash, trx)) return ok("stopped-before");
        if (again) {
          await this.due.stopIn(trx, hash);
          return ok("stopped");
        }
        if (record.voucherHash !== undefined) await this.#vouchers.restoreIn(trx, record.voucherHash);
        await this.#rewriteIn(trx, provider, paymentId, { ...record, state: "paid" });
        await this.due.removeIn(trx, hash);
        return ok("as-before");
      },
    );
    return outcome.ok ? outcome.value : outcome.error;
  }

  /**
   * The provider had taken a refund on and has not made it in the end. What the payment paid for stays ended; the money is the
   * operator's to give back by hand. True where that is news. `ours`: also where the payment never counted.
   */
  async refundBounced(
    provider: ProviderName,
    paymentId: string,
    { ours }: { ours: boolean },
  ): Promise<boolean> {
    const hash = this.#events.hash(provider, paymentId);
    const outcome = await this.#accounts.transact<boolean, never>(async (trx) => {
      const record = await this.#findIn(trx, provider, paymentId);
      if (record === undefined ? !ours : record.state !== "refunded") return ok(false);
      if (await this.due.isStopped(hash, trx)) return ok(false);
      await this.due.addIn(trx, hash, { provider, paymentId }, "stopped");
      await this.due.stopIn(trx, hash);
      return ok(true);
    });
    return outcome.ok && outcome.value;
  }

  /** The provider does not answer now; it is asked again by itself. "stopped": it was for the last time. */
  refundLater(
    provider: ProviderName,
    paymentId: string,
  ): Promise<"later" | "stopped" | "stopped-before" | "gone"> {
    return this.due.later(this.#events.hash(provider, paymentId));
  }

  /** Whether a refund that was granted is the operator's to do. */
  refundStopped(provider: ProviderName, paymentId: string): Promise<boolean> {
    return this.due.isStopped(this.#events.hash(provider, paymentId));
  }

  /** A payment that cannot count is to be given back, and the provider does not do it now: it is asked again by itself. */
  async oweBack(due: RefundDue): Promise<void> {
    await this.due.addIn(this.#store.db, this.#events.hash(due.provider, due.paymentId), due, "later");
  }

  /**
   * Ends what a payment paid for and nothing else, once: after its money was given back (`refund`) or the buyer's bank took it
   * (`chargeback`). An account loses what is still to come of the time it was given; a voucher that nobody used is void. A payment
   * that was never reported is remembered, so that it counts for nothing when it is. `news`: the provider's id of what it reports:
   * the same report, delivered once more, does not end what was given again since.
   */
  async takeBack(
    provider: ProviderName,
    paymentId: string,
    why: "refund" | "chargeback",
    news?: string,
  ): Promise<Result<{ record: PaymentRecord; effect: Effect }, "already">> {
    const state = why === "refund" ? "refunded" : "charged-back";
    const outcome = await this.#accounts.transact<{ record: PaymentRecord; effect: Effect }, "already">(
      async (trx, announce) => {
        const record = await this.#findIn(trx, provider, paymentId);
        await this.due.removeIn(trx, this.#events.hash(provider, paymentId));
        if (record === undefined) {
          const none = { ...NOTHING, atS: this.#minute(this.#nowS()), state, news } as const;
          await trx
            .insertInto("payment_events")
            .values({
              event_hash: this.#events.hash(provider, paymentId),
              sealed: this.#events.seal(provider, paymentId, none),
              delete_after: goesAfter(this.#nowS(), LIFETIMES.paymentEvent.days),
            })
            .execute();
          return ok({ record: none, effect: "not-counted-yet" as const });
        }
        if (record.state === "charged-back" && why === "refund") {
          // The buyer has the money by our own hand now: a dispute that is dropped for it gives nothing again.
          await this.#rewriteIn(trx, provider, paymentId, { ...record, state });
          return ok({ record: { ...record, state }, effect: "ended-before" as const });
        }
        if (record.state === "refunded" || record.state === "charged-back") return fail("already");
        if (news !== undefined && record.news === news) return fail("already");
        const { effect, takenS } = await this.#endIn(trx, announce, record);
        const ended: PaymentRecord = {
          ...record,
          state,
          takenS,
          ...(news !== undefined && { news }),
          // The dispute may be decided for us: what was granted is still owed then.
          ...(why === "chargeback" && record.state === "refunding" && { granted: true }),
        };
        await this.#rewriteIn(trx, provider, paymentId, ended);
        return ok({ record: ended, effect });
      },
    );
    // The buyer has the money, and nobody has to give it back: also where it had been given back before and came back to us.
    if (!outcome.ok && (await this.find(provider, paymentId))?.state === "refunded")
      await this.due.remove(this.#events.hash(provider, paymentId));
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /**
   * A chargeback that was decided for us or taken back: what it had ended is given again, once. A payment that never counted gives
   * nothing here, and counts when it is credited next. One whose refund had been granted goes on being given back. `dispute`: the
   * provider's id of the one that was decided so: old news of it gives nothing while another dispute about the payment stands lost.
   */
  async giveAgain(
    provider: ProviderName,
    paymentId: string,
    dispute?: string,
  ): Promise<Result<PaymentRecord, "payment-unknown" | "already">> {
    return this.#accounts.transact<PaymentRecord, "payment-unknown" | "already">(async (trx, announce) => {
      const record = await this.#findIn(trx, provider, paymentId);
      if (record === undefined) return fail("payment-unknown");
      if (record.state !== "charged-back") return fail("already");
      const { accountId, voucherHash, takenS, granted, lost, ...rest } = record;
      if (dispute !== undefined && lost?.some((other) => other !== dispute)) return fail("already");
      let times: Partial<Span> = {};
      if (accountId !== undefined && takenS > 0)
        times = (await this.#accounts.giveAgainIn(trx, announce, accountId, takenS)) ?? {};
      // Where a refund was granted the voucher was void before, and stays so.
      if (voucherHash !== undefined && !granted) await this.#vouchers.restoreIn(trx, voucherHash);
      const again: PaymentRecord = {
        ...rest,
        accountId,
        voucherHash,
        ...times,
        takenS: 0,
        state: granted ? "refunding" : "paid",
      };
      if (granted) {
        const due = { provider, paymentId, subscription: record.subscription };
        await this.due.addIn(trx, this.#events.hash(provider, paymentId), due, "later");
      }
      await this.#rewriteIn(trx, provider, paymentId, again);
      return ok(again);
    });
  }

  /** A dispute about a payment was decided for the buyer: what it paid for is given again only where that is decided anew. */
  async disputeLost(provider: ProviderName, paymentId: string, dispute: string): Promise<void> {
    await this.#accounts.transact<void, never>(async (trx) => {
      const record = await this.#findIn(trx, provider, paymentId);
      if (record === undefined || record.lost?.includes(dispute)) return ok(undefined);
      const lost = [...(record.lost ?? []), dispute];
      await this.#rewriteIn(trx, provider, paymentId, { ...record, lost });
      return ok(undefined);
    });
  }

  /** Gives the days: to the account, or as a new voucher. */
  async #giveIn(
    trx: Transaction<Tables>,
    announce: Announce,
    credit: Credit,
  ): Promise<Result<PaymentRecord, CreditRefusal>> {
    const { provider, paymentId, order, method, paid, subscription } = credit;
    const newPayer = await this.#firstOfPayerIn(trx, credit);
    const common = {
      state: "paid" as const,
      method,
      plan: order.plan,
      days: order.days,
      paid,
      coupon: order.coupon !== undefined,
      atS: this.#minute(credit.atS),
      takenS: 0,
      subscription,
    };
    if (order.accountId === undefined) {
      const code = this.voucherCode(provider, paymentId);
      const voucherHash = await this.#vouchers.addBoughtIn(trx, { code, days: order.days, plan: order.plan });
      return ok({ ...common, voucherHash, fromS: 0, untilS: 0, first: newPayer });
    }
    const before = await this.#accounts.lookIn(trx, order.accountId);
    const given = await this.#accounts.giveIn(trx, announce, order.accountId, order.days);
    if (!given.ok) return fail(given.error === "account-unknown" ? "account-gone" : given.error);
    return ok({
      ...common,
      accountId: order.accountId,
      ...given.value.span,
      first: newPayer && before?.paidUntil === undefined,
    });
  }

  /** True where payers are not remembered: it then is the account alone that tells. */
  async #firstOfPayerIn(trx: Transaction<Tables>, { provider, payer }: Credit): Promise<boolean> {
    if (this.#payerKey === undefined || payer === undefined) return true;
    const hash = createHmac("sha256", this.#payerKey).update(`${provider}\0${payer}`).digest("hex");
    const known = await trx
      .selectFrom("payer_hashes")
      .select("delete_after")
      .where("hash", "=", hash)
      .executeTakeFirst();
    const delete_after = goesAfter(this.#nowS(), LIFETIMES.payerHash.days);
    await trx
      .insertInto("payer_hashes")
      .values({ hash, delete_after })
      .onConflict((conflict) => conflict.column("hash").doUpdateSet({ delete_after }))
      .execute();
    return known === undefined || known.delete_after <= this.#nowS();
  }

  async #endIn(
    trx: Transaction<Tables>,
    announce: Announce,
    record: PaymentRecord,
  ): Promise<{ effect: Effect; takenS: number }> {
    if (record.accountId === undefined) {
      if (record.state === "refunding") return { effect: "voucher-voided", takenS: 0 };
      const voided =
        record.voucherHash !== undefined && (await this.#vouchers.voidIn(trx, record.voucherHash));
      return { effect: voided ? "voucher-voided" : "voucher-redeemed", takenS: 0 };
    }
    const takenS = await this.#accounts.takeOutIn(trx, announce, record.accountId, record);
    return takenS === undefined
      ? { effect: "account-gone", takenS: 0 }
      : { effect: "account-shortened", takenS };
  }

  async #findIn(db: Db, provider: ProviderName, paymentId: string): Promise<PaymentRecord | undefined> {
    const row = await db
      .selectFrom("payment_events")
      .select("sealed")
      .where("event_hash", "=", this.#events.hash(provider, paymentId))
      .executeTakeFirst();
    return row && this.#events.open(provider, paymentId, row.sealed);
  }

  async #rewriteIn(
    trx: Transaction<Tables>,
    provider: ProviderName,
    paymentId: string,
    record: PaymentRecord,
  ): Promise<void> {
    await trx
      .updateTable("payment_events")
      .set({ sealed: this.#events.seal(provider, paymentId, record) })
      .where("event_hash", "=", this.#events.hash(provider, paymentId))
      .execute();
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  #minute(seconds: number): number {
    return Math.floor(seconds / 60) * 60;
  }
}

/** Taken back before it was reported, and back with us: what it pays for has not been given. */
export const isStillToCount = ({ state, accountId, voucherHash }: PaymentRecord): boolean =>
  state === "paid" && accountId === undefined && voucherHash === undefined;

/** Stands for a payment that was taken back before it was reported. */
const NOTHING = {
  method: "paypal",
  plan: "",
  days: 0,
  paid: { minor: 0, currency: "" },
  coupon: false,
  fromS: 0,
  untilS: 0,
  takenS: 0,
  first: false,
} as const satisfies Partial<PaymentRecord>;
