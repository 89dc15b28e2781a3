import { createHmac, randomBytes } from "node:crypto";
import type { Transaction } from "kysely";
import type { Accounts, AccountView, SignUpError, SignUpInput } from "../accounts/accounts.ts";
import { EXTENSION_DAYS_MOST } from "../accounts/accounts.ts";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";

const DAY_S = 86_400;
/** A voucher that nobody uses is good for so long. */
const VOUCHER_DAYS = 3 * 365;
/** A used voucher's hash stays so long, so that a second try is told "already used" and not "no such voucher". */
const USED_VOUCHER_DAYS = 30;
/** The most vouchers of one `create`. */
export const VOUCHERS_AT_ONCE_MOST = 10_000;

export type VoucherError = "voucher-unknown" | "voucher-used";

/**
 * Vouchers: days of access that somebody has paid for elsewhere. A code is 100 random bits, `abcde-fghij-klmno-pqrst`;
 * the store has only a keyed hash of it, and nothing that says who used it.
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

  /** New voucher codes, shown once: they cannot be had again. Throws RangeError. */
  async create(options: { days: number; count: number }): Promise<string[]> {
    const { days, count } = options;
    if (!Number.isInteger(days) || days < 1 || days > EXTENSION_DAYS_MOST)
      throw new RangeError(`days: a whole number from 1 to ${EXTENSION_DAYS_MOST}`);
    if (!Number.isInteger(count) || count < 1 || count > VOUCHERS_AT_ONCE_MOST)
      throw new RangeError(`count: a whole number from 1 to ${VOUCHERS_AT_ONCE_MOST}`);
    const codes = Array.from({ length: count }, () => base32(randomBytes(13), 20));
    const rows = codes.map((code) => ({
      code_hash: this.#hash(code),
      days,
      used: 0,
      delete_after: this.#today() + (VOUCHER_DAYS + 1) * DAY_S,
    }));
    await this.#store.db.transaction().execute(async (trx) => {
      for (let at = 0; at < rows.length; at += 1000)
        await trx
          .insertInto("vouchers")
          .values(rows.slice(at, at + 1000))
          .execute();
    });
    return codes.map((code) => code.replace(/(.{5})(?=.)/g, "$1-"));
  }

  /** Uses a voucher up for an account: both in one transaction, and once only, also in the same millisecond. */
  async redeem(
    accountId: string,
    code: string,
  ): Promise<Result<{ paidUntil: number }, VoucherError | "account-unknown" | "account-terminated">> {
    const plain = plainCode(code);
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

  /** An account with its first paid time: both or neither. Throws BusyError. */
  async signUp(
    input: SignUpInput & { voucher: string },
  ): Promise<Result<AccountView, SignUpError | VoucherError>> {
    const plain = plainCode(input.voucher);
    if (plain === undefined) return fail("voucher-unknown");
    const state = await this.#stateOf(this.#store.db, plain);
    if (state !== "good") return fail(state);
    return this.#accounts.signUp<VoucherError>(input, async (trx, announce, id) => {
      const taken = await this.#take(trx, plain);
      if (!taken.ok) return taken;
      const extended = await this.#accounts.extendIn(trx, announce, id, taken.value);
      if (!extended.ok) throw new Error(`a new account cannot be extended: ${extended.error}`);
      return extended;
    });
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
      .set({ used: 1, delete_after: this.#today() + (USED_VOUCHER_DAYS + 1) * DAY_S })
      .where("code_hash", "=", this.#hash(plain))
      .where("used", "=", 0)
      .where("delete_after", ">", this.#nowS())
      .returning("days")
      .executeTakeFirst();
    if (taken !== undefined) return ok(taken.days);
    const state = await this.#stateOf(trx, plain);
    return fail(state === "good" ? "voucher-unknown" : state);
  }

  async #stateOf(db: Pick<Transaction<Tables>, "selectFrom">, plain: string): Promise<"good" | VoucherError> {
    const row = await db
      .selectFrom("vouchers")
      .select(["used", "delete_after"])
      .where("code_hash", "=", this.#hash(plain))
      .executeTakeFirst();
    if (row === undefined || row.delete_after <= this.#nowS()) return "voucher-unknown";
    return row.used === 0 ? "good" : "voucher-used";
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

/**
 * The 20 characters of a code however it was typed: case, blanks and dashes do not matter, and the digits that base32
 * leaves out stand for the letters they look like. Undefined where it can be no code.
 */
export function plainCode(typed: string): string | undefined {
  if (typed.length > 100) return undefined;
  const plain = typed
    .toLowerCase()
    .replace(/[\s\p{Pd}]/gu, "")
    .replaceAll("0", "o")
    .replaceAll("1", "l")
    .replaceAll("8", "b");
  return /^[a-z2-7]{20}$/.test(plain) ? plain : undefined;
}
