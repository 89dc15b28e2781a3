import { createHmac, randomBytes } from "node:crypto";
import type { Transaction } from "kysely";
import type { AccountView } from "../accounts/account-view.ts";
import type { Accounts, SignUpError, SignUpInput } from "../accounts/accounts.ts";
import { EXTENSION_DAYS_MOST } from "../accounts/accounts.ts";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { grouped, plainCode } from "../lib/typed-code.ts";
import { goesAfter, LIFETIMES } from "../policy/lifetimes.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";

const DAY_S = 86_400;
/** A voucher that nobody uses is good for so long. */
const VOUCHER_DAYS = LIFETIMES.voucher.days;
/** A used voucher's hash stays so long, so that a second try is told "already used" and not "no such voucher". */
const USED_VOUCHER_DAYS = LIFETIMES.usedVoucher.days;
/** 100 random bits, as base32. */
export const VOUCHER_CHARACTERS = 20;
/** The most vouchers of one `create`. */
export const VOUCHERS_AT_ONCE_MOST = 10_000;

/** `voucher-coupon`: the code is a coupon's, which takes something off a price and gives no days by itself. */
export type VoucherError = "voucher-unknown" | "voucher-used" | "voucher-coupon";
/** `not-a-coupon`: the code gives days; it is redeemed and not typed at an order. `coupon-other-plan`: good for another plan. */
export type CouponError = "voucher-unknown" | "voucher-used" | "not-a-coupon" | "coupon-other-plan";

/** What `create` makes: codes that give days once, or coupons. */
export type NewVouchers =
  | { days: number; count: number }
  | {
      /** How many percent off the price, 1 to 100. */
      percent: number;
      /** How many orders each code is good for. */
      uses: number;
      /** The one plan that it is good for; undefined: all. */
      plan?: string | undefined;
      /** Good for so many days from now, the longest that vouchers are where it is left out. */
      validDays?: number | undefined;
      count: number;
    };

export const COUPON_USES_MOST = 1_000_000;
/** So many orders that were begun before a coupon's last use, and are paid after it, keep its price; more are no accident. */
const COUPON_LATE_MOST = 5;

/**
 * Vouchers: days of access that somebody has paid for before (gift cards), and coupons, which take so many percent off an order.
 * A code is 100 random bits, `abcde-fghij-klmno-pqrst`; the store has only a keyed hash of it, and nothing that says who used it.
 */
export class Vouchers {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #accounts: Accounts;
  readonly #key: Uint8Array;

  constructor(options: { store: Store; clock: Clock; siteSecret: Uint8Array; accounts: Accounts }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#accounts = options.accounts;
    this.#key = createHmac("sha256", options.siteSecret).update("voucher codes").digest();
  }

  /** New codes, shown once: they cannot be had again. Throws RangeError. */
  async create(wanted: NewVouchers): Promise<string[]> {
    const { count } = wanted;
    whole("count", count, VOUCHERS_AT_ONCE_MOST);
    let goodForDays = VOUCHER_DAYS;
    let kind: { days: number; percent: number | null; uses_left: number; plan: string | null };
    if ("days" in wanted) {
      whole("days", wanted.days, EXTENSION_DAYS_MOST);
      kind = { days: wanted.days, percent: null, uses_left: 1, plan: null };
    } else {
      const { percent, uses, plan, validDays } = wanted;
      whole("percent", percent, 100);
      whole("uses", uses, COUPON_USES_MOST);
      if (validDays !== undefined) whole("validDays", validDays, VOUCHER_DAYS);
      goodForDays = validDays ?? VOUCHER_DAYS;
      kind = { days: 0, percent, uses_left: uses, plan: plan ?? null };
    }
    const codes = Array.from({ length: count }, () => base32(randomBytes(13), VOUCHER_CHARACTERS));
    const rows = codes.map((code) => ({
      ...kind,
      code_hash: this.#hash(code),
      used: 0,
      delete_after: this.#today() + (goodForDays + 1) * DAY_S,
    }));
    await this.#store.db.transaction().execute(async (trx) => {
      for (let at = 0; at < rows.length; at += 1000)
        await trx
          .insertInto("vouchers")
          .values(rows.slice(at, at + 1000))
          .execute();
    });
    return codes.map((code) => grouped(code));
  }

  /** Uses a voucher up for an account: both in one transaction, and once only, also in the same millisecond. */
  async redeem(
    accountId: string,
    code: string,
  ): Promise<Result<{ paidUntil: number }, VoucherError | "account-unknown" | "account-terminated">> {
    const plain = plainCode(code, VOUCHER_CHARACTERS);
    if (plain === undefined) return fail("voucher-unknown");
    return this.#accounts.transact<
      { paidUntil: number },
      VoucherError | "account-unknown" | "account-terminated"
    >(async (trx, announce) => {
      const taken = await this.#take(trx, plain);
      if (!taken.ok) return taken;
      const extended = await this.#accounts.extendIn(trx, announce, accountId, taken.value);
      return extended.ok ? ok({ paidUntil: extended.value.paidUntil! }) : extended;
    });
  }

  /** Why this code would give no days now; undefined: it would. */
  async problemOf(code: string): Promise<VoucherError | undefined> {
    const plain = plainCode(code, VOUCHER_CHARACTERS);
    const state = plain === undefined ? "voucher-unknown" : await this.#stateOf(this.#store.db, plain);
    return state === "good" ? undefined : state;
  }

  /** An account with its first paid time: both or neither. Throws BusyError. */
  async signUp(
    input: SignUpInput & { voucher: string },
  ): Promise<Result<AccountView, SignUpError | VoucherError>> {
    const plain = plainCode(input.voucher, VOUCHER_CHARACTERS);
    const problem = await this.problemOf(input.voucher);
    if (problem !== undefined || plain === undefined) return fail(problem ?? "voucher-unknown");
    return this.#accounts.signUp<VoucherError>(input, async (trx, announce, id) => {
      const taken = await this.#take(trx, plain);
      if (!taken.ok) return taken;
      const extended = await this.#accounts.extendIn(trx, announce, id, taken.value);
      if (!extended.ok) throw new Error(`a new account cannot be extended: ${extended.error}`);
      return extended;
    });
  }

  /**
   * What a coupon takes off an order of that plan, and its code as it travels with the order. A look: `countCouponIn` uses it, when
   * the order is paid.
   */
  async coupon(
    typed: string,
    planId: string,
  ): Promise<Result<{ percent: number; plain: string }, CouponError>> {
    const plain = plainCode(typed, VOUCHER_CHARACTERS);
    const row = plain === undefined ? undefined : await this.#rowOf(this.#store.db, plain);
    if (plain === undefined || row === undefined) return fail("voucher-unknown");
    if (row.percent === null) return fail("not-a-coupon");
    if (row.used !== 0) return fail("voucher-used");
    return row.plan === null || row.plan === planId
      ? ok({ percent: row.percent, plain })
      : fail("coupon-other-plan");
  }

  /**
   * Uses a coupon once, in the transaction that credits the order. Orders that were begun side by side may be more than it was
   * good for: `left` is false for those that come after the last, and `tooMany` true when these are more than a few. Undefined: it is
   * gone, days after its last use.
   */
  async countCouponIn(
    trx: Transaction<Tables>,
    plain: string,
  ): Promise<{ percent: number; left: boolean; tooMany?: true } | undefined> {
    const hash = this.#hash(plain);
    const used = await trx
      .updateTable("vouchers")
      .set((expression) => ({ uses_left: expression("uses_left", "-", 1) }))
      .where("code_hash", "=", hash)
      .where("percent", "is not", null)
      .where("uses_left", ">", 0)
      .returning(["percent", "uses_left"])
      .executeTakeFirst();
    if (used === undefined) {
      // Below nothing they are counted on.
      const late = await trx
        .updateTable("vouchers")
        .set((expression) => ({ uses_left: expression("uses_left", "-", 1) }))
        .where("code_hash", "=", hash)
        .where("percent", "is not", null)
        .returning(["percent", "uses_left"])
        .executeTakeFirst();
      if (late === undefined) return undefined;
      const tooMany = late.uses_left < -COUPON_LATE_MOST;
      return { percent: late.percent!, left: false, ...(tooMany && { tooMany }) };
    }
    if (used.uses_left === 0)
      await trx
        .updateTable("vouchers")
        .set({ used: 1, delete_after: goesAfter(this.#nowS(), USED_VOUCHER_DAYS) })
        .where("code_hash", "=", hash)
        .execute();
    return { percent: used.percent!, left: true };
  }

  /** Writes down a voucher that was bought, in the transaction that counts its payment; returns its hash. */
  async addBoughtIn(
    trx: Transaction<Tables>,
    { code, days, plan }: { code: string; days: number; plan: string },
  ): Promise<string> {
    const plain = plainCode(code, VOUCHER_CHARACTERS);
    if (plain === undefined) throw new RangeError(`code: ${VOUCHER_CHARACTERS} base32 characters`);
    const code_hash = this.#hash(plain);
    await trx
      .insertInto("vouchers")
      .values({ code_hash, days, used: 0, plan, delete_after: goesAfter(this.#nowS(), VOUCHER_DAYS) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return code_hash;
  }

  /** Whether the voucher of that hash can still be redeemed. */
  async isUnused(hash: string): Promise<boolean> {
    const row = await this.#store.db
      .selectFrom("vouchers")
      .select("used")
      .where("code_hash", "=", hash)
      .where("delete_after", ">", this.#nowS())
      .executeTakeFirst();
    return row?.used === 0;
  }

  /**
   * Makes a bought voucher void, whose money went back. False where somebody has used it, or it is gone. It keeps its one use, by
   * which `restoreIn` tells it from one that was redeemed.
   */
  async voidIn(trx: Transaction<Tables>, hash: string): Promise<boolean> {
    const { numUpdatedRows } = await trx
      .updateTable("vouchers")
      .set({ used: 1 })
      .where("code_hash", "=", hash)
      .where("used", "=", 0)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Takes `voidIn` back: the money came after all. One that was redeemed stays so. */
  async restoreIn(trx: Transaction<Tables>, hash: string): Promise<void> {
    await trx
      .updateTable("vouchers")
      .set({ used: 0 })
      .where("code_hash", "=", hash)
      .where("uses_left", ">", 0)
      .where("percent", "is", null)
      .execute();
  }

  /** How many vouchers there are. */
  async counts(): Promise<{ unused: number; used: number }> {
    const rows = await this.#store.db
      .selectFrom("vouchers")
      .select((expression) => ["used", expression.fn.countAll<number>().as("count")])
      .groupBy("used")
      .execute();
    const count = (used: number) => Number(rows.find((row) => row.used === used)?.count ?? 0);
    return { unused: count(0), used: count(1) };
  }

  /** Marks the voucher as used and returns its days. The update itself decides who was first. */
  async #take(trx: Transaction<Tables>, plain: string): Promise<Result<number, VoucherError>> {
    const taken = await trx
      .updateTable("vouchers")
      .set({ used: 1, uses_left: 0, delete_after: goesAfter(this.#nowS(), USED_VOUCHER_DAYS) })
      .where("code_hash", "=", this.#hash(plain))
      .where("percent", "is", null)
      .where("used", "=", 0)
      .where("delete_after", ">", this.#nowS())
      .returning("days")
      .executeTakeFirst();
    if (taken !== undefined) return ok(taken.days);
    const state = await this.#stateOf(trx, plain);
    return fail(state === "good" ? "voucher-unknown" : state);
  }

  async #stateOf(db: Pick<Transaction<Tables>, "selectFrom">, plain: string): Promise<"good" | VoucherError> {
    const row = await this.#rowOf(db, plain);
    if (row === undefined) return "voucher-unknown";
    if (row.percent !== null) return "voucher-coupon";
    return row.used === 0 ? "good" : "voucher-used";
  }

  async #rowOf(db: Pick<Transaction<Tables>, "selectFrom">, plain: string) {
    const row = await db
      .selectFrom("vouchers")
      .select(["used", "percent", "plan", "delete_after"])
      .where("code_hash", "=", this.#hash(plain))
      .executeTakeFirst();
    return row === undefined || row.delete_after <= this.#nowS() ? undefined : row;
  }

  #hash(plain: string): string {
    return createHmac("sha256", this.#key).update(plain).digest("hex");
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  #today(): number {
    return Math.floor(this.#nowS() / DAY_S) * DAY_S;
  }
}

function whole(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new RangeError(`${name}: a whole number from 1 to ${most}`);
}
