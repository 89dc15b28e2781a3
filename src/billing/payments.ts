import { createHmac } from "node:crypto";
import type { Transaction } from "kysely";
import type { Accounts } from "../accounts/accounts.ts";
import type { Announce } from "../accounts/changes.ts";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { grouped } from "../lib/typed-code.ts";
import { goesAfter, LIFETIMES } from "../policy/lifetimes.ts";
import type { PaymentMethod } from "../policy/methods.ts";
import type { Money } from "../policy/money.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { PaymentEvents } from "./payment-events.ts";
import { isStillToCount, newsOf, PaymentsBack } from "./payments-back.ts";
import type { CreditRefusal, ProviderName } from "./providers.ts";
import { RefundsDue } from "./refunds-due.ts";
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

export interface Credited {
  /** `already`: before; `record` is what it is now, and may have been taken back since. */
  outcome: "credited" | "already";
  record: PaymentRecord;
}

/**
 * What was paid, once: a payment counts in the same transaction that writes its keyed hash, so that no repetition, order of
 * arrival, race or crash makes it count twice, or be written down and not count.
 */
export class Payments {
  /** The way back: refunds and chargebacks of the same payments. */
  readonly back: PaymentsBack;
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
    this.back = new PaymentsBack({ ...options, events: this.#events, due: new RefundsDue(options) });
    this.#codeKey = deriveKey(options.paymentKey, "lethe bought vouchers");
    this.#payerKey = options.rememberPayers ? deriveKey(options.paymentKey, "lethe payers") : undefined;
  }

  /** Counts a payment that the provider itself has confirmed. Less than the price, or another currency, counts for nothing. */
  async credit(credit: Credit): Promise<Result<Credited, CreditRefusal>> {
    const { provider, paymentId, order, paid } = credit;
    return this.#accounts.transact<Credited, CreditRefusal>(async (trx, announce) => {
      const before = await this.#events.find(trx, provider, paymentId);
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
        await this.#events.rewriteIn(trx, provider, paymentId, { ...given.value, ...newsOf(before) });
      else await this.#events.addIn(trx, provider, paymentId, given.value, this.#nowS());
      // It could not count before, and was to be given back for that.
      await this.back.due.removeIn(trx, this.#events.hash(provider, paymentId));
      return ok({ outcome: "credited", record: given.value });
    });
  }

  /** What is known of a payment; undefined where it was never reported, or its lifetime is over. */
  find(provider: ProviderName, paymentId: string): Promise<PaymentRecord | undefined> {
    return this.#events.find(this.#store.db, provider, paymentId);
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

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  #minute(seconds: number): number {
    return Math.floor(seconds / 60) * 60;
  }
}
