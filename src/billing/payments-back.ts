import type { Transaction } from "kysely";
import type { Accounts } from "../accounts/accounts.ts";
import type { Announce } from "../accounts/changes.ts";
import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Span } from "../policy/expiry.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import type { PaymentEvents } from "./payment-events.ts";
import type { ProviderName } from "./providers.ts";
import type { RefundDue, RefundsDue } from "./refunds-due.ts";
import type { Vouchers } from "./vouchers.ts";

/** Why nothing is given back: it never counted, was taken back before, or bought a voucher that somebody has used. */
export type RefundRefusal = "payment-unknown" | "already" | "voucher-redeemed";

/** What became of that which a payment had paid for. `not-counted-yet`: if it is reported later, it will count for nothing. */
export type Effect =
  | "account-shortened"
  | "account-gone"
  | "voucher-voided"
  | "voucher-redeemed"
  | "not-counted-yet"
  /** The buyer's bank had taken it before. */
  | "ended-before";

/** What the provider says of how a payment was taken back. */
export interface TakenBackNews {
  /** The provider's id of what it reports: the same report, delivered once more, does not end what was given again since. */
  news?: string | undefined;
  /** When it reported that, UTC seconds by its own clock: one from before a dispute was decided for us ends nothing. */
  reportedS?: number | undefined;
  /** The refund is on its way, and this is the provider's id of it: it is looked at until it has arrived (refunds.ts). */
  pendingAs?: string | undefined;
}

/**
 * The way back of what payments.ts counted: refunds from the asking on, and what the buyer's bank takes. Each changes the payment's
 * row, what it paid for, and the row of a refund that is due, in one transaction.
 */
export class PaymentsBack {
  /** What is being given back: written and deleted here, with the payments' states; tried by refunds.ts. */
  readonly due: RefundsDue;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #accounts: Accounts;
  readonly #vouchers: Vouchers;
  readonly #events: PaymentEvents;

  constructor(options: {
    store: Store;
    clock: Clock;
    accounts: Accounts;
    vouchers: Vouchers;
    events: PaymentEvents;
    due: RefundsDue;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#accounts = options.accounts;
    this.#vouchers = options.vouchers;
    this.#events = options.events;
    this.due = options.due;
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
      const record = await this.#events.find(trx, provider, paymentId);
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
      await this.#events.rewriteIn(trx, provider, paymentId, begun);
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
        const record = await this.#events.find(trx, provider, paymentId);
        if (record?.state !== "refunding") return ok("as-before");
        if (await this.due.isStopped(hash, trx)) return ok("stopped-before");
        if (again) {
          await this.due.stopIn(trx, hash);
          return ok("stopped");
        }
        if (record.voucherHash !== undefined) await this.#vouchers.restoreIn(trx, record.voucherHash);
        await this.#events.rewriteIn(trx, provider, paymentId, { ...record, state: "paid" });
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
      const record = await this.#events.find(trx, provider, paymentId);
      if (record === undefined ? !ours : record.state !== "refunded") return ok(false);
      if (record?.granted) {
        // The buyer's bank was faster. Decided for us, it is owed again (giveAgain).
        await this.due.removeIn(trx, hash);
        return ok(false);
      }
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
   * that was never reported is remembered, so that it counts for nothing when it is.
   */
  async takeBack(
    provider: ProviderName,
    paymentId: string,
    why: "refund" | "chargeback",
    { news, reportedS, pendingAs }: TakenBackNews = {},
  ): Promise<Result<{ record: PaymentRecord; effect: Effect }, "already">> {
    const state = why === "refund" ? "refunded" : "charged-back";
    const told = { ...(news !== undefined && { news }), ...(reportedS !== undefined && { reportedS }) };
    type Ended = { record: PaymentRecord; effect: Effect };
    const outcome = await this.#accounts.transact<Ended | undefined, "already">(async (trx, announce) => {
      const hash = this.#events.hash(provider, paymentId);
      const record = await this.#events.find(trx, provider, paymentId);
      const write = (ended: PaymentRecord) => this.#events.rewriteIn(trx, provider, paymentId, ended);
      if (record !== undefined && why === "chargeback") {
        if (record.state === "charged-back") return fail("already");
        const decidedSince = reportedS !== undefined && record.wonS !== undefined && reportedS < record.wonS;
        if ((news !== undefined && record.news === news) || decidedSince) return fail("already");
      }
      // From here on the buyer has the money, and nobody has to give it back; or it is on its way to them.
      // What PayPal said once and repeats does not take from the operator what it has not made since.
      const bounced = record?.state === "refunded" && (await this.due.isStopped(hash, trx));
      const owed = record?.state === "refunded" && why === "chargeback" && (await this.due.has(hash, trx));
      if (pendingAs === undefined) await this.due.removeIn(trx, hash, { watched: why === "refund" });
      else if (!bounced) await this.due.watchIn(trx, hash, { provider, paymentId, pendingAs });
      if (record === undefined) {
        const none = { ...NOTHING, ...told, atS: Math.floor(this.#nowS() / 60) * 60, state } as const;
        await this.#events.addIn(trx, provider, paymentId, none, this.#nowS());
        return ok({ record: none, effect: "not-counted-yet" as const });
      }
      if (record.state === "refunded") {
        // Taken by the buyer's bank while the refund is on its way, or was not made: nobody gives it back by hand as well.
        if (owed) await write({ ...record, ...told, granted: true });
        const { granted, ...made } = record;
        if (why === "refund" && pendingAs === undefined && granted) await write(made);
        return ok(undefined);
      }
      if (record.state === "charged-back") {
        // The buyer has the money by our own hand now: a dispute that is dropped for it gives nothing again.
        await write({ ...record, state });
        return ok({ record: { ...record, state }, effect: "ended-before" as const });
      }
      const { effect, takenS } = await this.#endIn(trx, announce, record);
      const ended: PaymentRecord = {
        ...record,
        ...told,
        state,
        takenS,
        // The dispute may be decided for us: what was granted is still owed then.
        ...(why === "chargeback" && record.state === "refunding" && { granted: true }),
      };
      await write(ended);
      return ok({ record: ended, effect });
    });
    if (!outcome.ok) return outcome;
    await this.#store.scrub();
    return outcome.value === undefined ? fail("already") : ok(outcome.value);
  }

  /**
   * A chargeback that was decided for us or taken back: what it had ended is given again, once. A payment that never counted gives
   * nothing here, and counts when it is credited next. One whose refund had been granted goes on being given back. `dispute`: the
   * provider's id of the one that was decided so: old news of it gives nothing while another dispute about the payment stands lost.
   * `decidedS`: when the provider said so, UTC seconds by its own clock: nor does news from before the money was taken (once more).
   */
  async giveAgain(
    provider: ProviderName,
    paymentId: string,
    { dispute, decidedS }: { dispute?: string; decidedS?: number | undefined } = {},
  ): Promise<Result<PaymentRecord, "payment-unknown" | "already">> {
    const outcome = await this.#accounts.transact<PaymentRecord | undefined, "payment-unknown" | "already">(
      async (trx, announce) => {
        const record = await this.#events.find(trx, provider, paymentId);
        if (record === undefined) return fail("payment-unknown");
        if (record.state !== "charged-back") {
          await this.#wonIn(trx, provider, paymentId, record, { dispute, decidedS });
          return ok(undefined);
        }
        const { accountId, voucherHash, takenS, granted, lost, ...rest } = record;
        if (decidedS !== undefined && decidedS < (record.reportedS ?? 0)) return fail("already");
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
          ...(decidedS !== undefined && { wonS: decidedS }),
          state: granted ? "refunding" : "paid",
        };
        if (granted) {
          const due = { provider, paymentId, subscription: record.subscription };
          await this.due.addIn(trx, this.#events.hash(provider, paymentId), due, "later");
        }
        await this.#events.rewriteIn(trx, provider, paymentId, again);
        return ok(again);
      },
    );
    if (!outcome.ok) return outcome;
    return outcome.value === undefined ? fail("already") : ok(outcome.value);
  }

  /** News of a dispute that was decided for us, about a payment that stands or was given back. */
  async #wonIn(
    trx: Transaction<Tables>,
    provider: ProviderName,
    paymentId: string,
    { granted, ...record }: PaymentRecord,
    { dispute, decidedS }: { dispute?: string | undefined; decidedS?: number | undefined },
  ): Promise<void> {
    const old = decidedS !== undefined && decidedS < (record.reportedS ?? 0);
    const lost = dispute !== undefined && record.lost?.some((other) => other !== dispute);
    const back = granted === true && record.state === "refunded" && !old && !lost;
    const hash = this.#events.hash(provider, paymentId);
    // The refund was not made, and the bank gave the money back to us. PayPal would not make it if it was asked again.
    if (back && !(await this.due.has(hash, trx)))
      await this.due.addIn(trx, hash, { provider, paymentId }, "stopped");
    // A chargeback that is yet to be told, or is told once more, ends nothing where it is older than this.
    const wonS = Math.max(record.wonS ?? 0, decidedS ?? 0);
    await this.#events.rewriteIn(trx, provider, paymentId, {
      ...record,
      ...(granted === true && !back && { granted }),
      ...(wonS > 0 && { wonS }),
    });
  }

  /** A dispute about a payment was decided for the buyer: what it paid for is given again only where that is decided anew. */
  async disputeLost(provider: ProviderName, paymentId: string, dispute: string): Promise<void> {
    await this.#accounts.transact<void, never>(async (trx) => {
      const record = await this.#events.find(trx, provider, paymentId);
      if (record === undefined || record.lost?.includes(dispute)) return ok(undefined);
      const lost = [...(record.lost ?? []), dispute];
      await this.#events.rewriteIn(trx, provider, paymentId, { ...record, lost });
      return ok(undefined);
    });
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

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** Taken back before it was reported, and back with us: what it pays for has not been given. */
export const isStillToCount = ({ state, accountId, voucherHash }: PaymentRecord): boolean =>
  state === "paid" && accountId === undefined && voucherHash === undefined;

/** What the provider has told of it so far, and stays told when the rest is written anew. */
export const newsOf = ({ news, reportedS, wonS, lost }: PaymentRecord) => ({ news, reportedS, wonS, lost });

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
