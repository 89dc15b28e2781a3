import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto";
import { sql, type Transaction } from "kysely";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import {
  deletedAfter,
  give,
  keepsOthersOut,
  type PaidTime,
  type Span,
  takeOut,
  unpaidDeletedAfter,
} from "../policy/expiry.ts";
import type { Store } from "../store/open.ts";
import type { AccountRow, Tables } from "../store/tables.ts";
import { AccountRows } from "./account-rows.ts";
import { type AccountView, viewOf } from "./account-view.ts";
import { type Announce, Changes } from "./changes.ts";
import { type AccountExport, exportOf } from "./export.ts";
import { LoginData } from "./login-data.ts";
import { paidTimeOf, takenBackText } from "./paid-time.ts";
import { Passwords } from "./passwords.ts";
import { RosterAccounts } from "./roster-accounts.ts";
import { acceptEmail, acceptPassword, canonicalName, type Slip, typedPassword } from "./rules.ts";
import { VpnAccess } from "./vpn-access.ts";
import type { VpnCredentials } from "./vpn-credentials.ts";

const DAY_S = 86_400;
/** The most days that one extension may give. */
export const EXTENSION_DAYS_MOST = 3660;

export interface SignUpInput {
  name: string;
  password: string;
  email?: string | undefined;
}

/** What became of news of a subscription. `another-runs`: nothing, since another one pays for the account. */
export type SubscriptionNoted = "noted" | "another-runs" | "account-unknown";

export type SignUpError = "name-taken" | Slip;

/**
 * The members' accounts. Everything that changes one goes through `transact`, one at a time, so that the roster hears of
 * the changes in the order in which they were committed.
 */
export class Accounts {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #siteSecret: KeyObject;
  readonly #subscriptionKey: Uint8Array;
  readonly #passwords: Passwords;
  readonly #changes: Changes;
  readonly #access: VpnAccess;
  readonly #rows: AccountRows;
  /** What members change of their own account. */
  readonly login: LoginData;
  /** The same accounts, as the servers are told of them. */
  readonly roster: RosterAccounts;

  /** `siteSecret`: 32 random bytes, made once; VPN credentials, stamps and voucher hashes hang on it. */
  constructor(options: { store: Store; clock: Clock; siteSecret: Uint8Array; passwords?: Passwords }) {
    if (options.siteSecret.length !== 32) throw new RangeError("siteSecret: 32 bytes");
    this.#store = options.store;
    this.#clock = options.clock;
    // As a key object: an HMAC is then four times as fast, and nothing prints it by mistake.
    this.#siteSecret = createSecretKey(options.siteSecret);
    this.#subscriptionKey = deriveKey(options.siteSecret, "lethe subscriptions");
    this.#changes = new Changes(options.store);
    this.#access = new VpnAccess({ siteSecret: this.#siteSecret, clock: options.clock });
    this.roster = new RosterAccounts({ store: options.store, changes: this.#changes, access: this.#access });
    this.#passwords = options.passwords ?? new Passwords();
    this.#rows = new AccountRows({ ...options, siteSecret: this.#siteSecret, passwords: this.#passwords });
    this.login = new LoginData({
      store: options.store,
      transact: this.transact,
      access: this.#access,
      rows: this.#rows,
      passwords: this.#passwords,
    });
  }

  /** One transaction on accounts, with what it announces (changes.ts). For what must stand or fall with a payment. */
  transact: Changes["transact"] = (work) => this.#changes.transact(work);

  /**
   * Makes an account. `also` runs in the same transaction (a voucher being used): the account stands with it or not at
   * all. Of two sign-ups for one name at one time exactly one wins. Throws BusyError.
   */
  async signUp<Code extends string = never>(
    input: SignUpInput,
    also?: (trx: Transaction<Tables>, announce: Announce, id: string) => Promise<Result<unknown, Code>>,
  ): Promise<Result<AccountView, SignUpError | Code>> {
    const name = canonicalName(input.name);
    if (name === undefined) return fail("name-invalid");
    const password = acceptPassword(input.password, name);
    if (!password.ok) return password;
    const email = acceptEmail(input.email);
    if (!email.ok) return email;
    if ((await this.#rows.of({ name })) !== undefined) return fail("name-taken");

    const passwordHash = await this.#passwords.hash(password.value);
    return this.transact<AccountView, SignUpError | Code>(async (trx, announce) => {
      const id = base32(randomBytes(16));
      for (;;) {
        const { salt, tag } = this.#access.draw();
        const { numInsertedOrUpdatedRows = 0n } = await trx
          .insertInto("accounts")
          .values({
            id,
            name,
            password_hash: passwordHash,
            email: email.value ?? null,
            paid_until: null,
            terminated: 0,
            delete_after: unpaidDeletedAfter(this.#nowS()),
            vpn_salt: salt,
            vpn_tag: tag,
          })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows === 1n) break;
        // Either the name is taken, or (once in 2^60 a pair) the VPN username: then another salt.
        const taken = await trx
          .selectFrom("accounts")
          .select("id")
          .where("name", "=", name)
          .executeTakeFirst();
        if (taken !== undefined) return fail("name-taken");
      }
      const more = await also?.(trx, announce, id);
      if (more?.ok === false) return more;
      return ok(
        viewOf(await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirstOrThrow()),
      );
    });
  }

  /**
   * The account of this name and password, or nothing: unknown name and wrong password take the same work and look the
   * same. `stamp` is what the site binds its cookie to: it changes with the password. Throws BusyError.
   */
  async logIn(name: string, password: string): Promise<{ account: AccountView; stamp: string } | undefined> {
    const typed = typedPassword(password);
    if (typed === undefined) return undefined;
    const canonical = canonicalName(name);
    const row = canonical === undefined ? undefined : await this.#rows.of({ name: canonical });
    const right = await this.#passwords.verify(row?.password_hash, typed);
    return right && row !== undefined ? { account: viewOf(row), stamp: this.#rows.stamp(row) } : undefined;
  }

  /** The account and its stamp as they are now; nothing where it is gone. A cookie with another stamp is over. */
  async stampOf(id: string): Promise<{ account: AccountView; stamp: string } | undefined> {
    const row = await this.#rows.of({ id });
    return row && { account: viewOf(row), stamp: this.#rows.stamp(row) };
  }

  async byName(name: string): Promise<AccountView | undefined> {
    const canonical = canonicalName(name);
    const row = canonical === undefined ? undefined : await this.#rows.of({ name: canonical });
    return row && viewOf(row);
  }

  /** Whose VPN username it is: for credentials that somebody has published. */
  async byVpnUsername(username: string): Promise<AccountView | undefined> {
    const row = await this.#rows.of({ vpn_tag: this.#access.tagOf(username) });
    return row && viewOf(row);
  }

  /** The account of these VPN credentials; nothing where either is wrong. */
  async byVpnCredentials(username: string, password: string): Promise<AccountView | undefined> {
    const row = await this.#rows.of({ vpn_tag: this.#access.tagOf(username) });
    if (row === undefined) return undefined;
    const [given, right] = [password.trim(), this.#access.credentialsOf(row).password].map((text) =>
      createHmac("sha256", this.#siteSecret).update(text).digest(),
    );
    // Of equal length whatever was typed, as timingSafeEqual wants it.
    return timingSafeEqual(given!, right!) ? viewOf(row) : undefined;
  }

  /** Throws where there is no such account (whoever asks has just looked it up). */
  async vpnCredentials(id: string): Promise<VpnCredentials> {
    const row = await this.#rows.of({ id });
    if (row === undefined) throw new Error("vpnCredentials: no such account");
    return this.#access.credentialsOf(row);
  }

  /** New VPN username and password; the old ones stop working, in live sessions too. */
  async renewVpnCredentials(id: string): Promise<Result<VpnCredentials, "account-unknown">> {
    const outcome = await this.transact<VpnCredentials, "account-unknown">(async (trx, announce) => {
      const row = await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) return fail("account-unknown");
      return ok(await this.#access.renewIn(trx, announce, row));
    });
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /** New VPN credentials for everybody (after a seizure, say). Returns how many accounts that were. */
  async renewAllVpnCredentials(): Promise<number> {
    const count = await this.#access.renewAll(this.transact);
    await this.#store.scrub();
    return count;
  }

  /** The accounts, at most `most`, whose verified address this is; capitals do not matter, since people type it. */
  async byVerifiedEmail(email: string, most: number): Promise<AccountView[]> {
    const accepted = acceptEmail(email);
    if (!accepted.ok || accepted.value === undefined) return [];
    const rows = await this.#store.db
      .selectFrom("accounts")
      .selectAll()
      .where(sql`lower(email)`, "=", sql`lower(${accepted.value})`)
      .where("email_verified", "=", 1)
      .limit(most)
      .execute();
    return rows.map(viewOf);
  }

  /** The account as it is inside a transaction of `transact`'s. */
  async lookIn(trx: Transaction<Tables>, id: string): Promise<AccountView | undefined> {
    const row = await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
    return row && viewOf(row);
  }

  /**
   * Takes out what is still to come of what was given as `span`, inside a transaction of `transact`'s: its payment was taken back.
   * Returns the seconds that were taken; undefined where there is no such account, or it was never paid.
   */
  async takeOutIn(
    trx: Transaction<Tables>,
    announce: Announce,
    id: string,
    span: Span,
  ): Promise<number | undefined> {
    const row = await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined || row.paid_until === null) return undefined;
    const { time, takenS } = takeOut(paidTimeOf(row), this.#nowS(), span);
    if (takenS > 0) await this.#setPaidTimeIn(trx, announce, row, time);
    return takenS;
  }

  /** The other way round, for a payment that came back after all: so much is added, also to an account that was cut off. */
  async giveAgainIn(
    trx: Transaction<Tables>,
    announce: Announce,
    id: string,
    seconds: number,
  ): Promise<Span | undefined> {
    const row = await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) return undefined;
    const { time, span } = give(paidTimeOf(row), this.#nowS(), seconds);
    await this.#setPaidTimeIn(trx, announce, row, time);
    return span;
  }

  /**
   * Notes whether this PayPal subscription runs for the account, as PayPal says. One runs at a time: while it does (and
   * pays), what is said of another one changes nothing. A keyed hash of its number tells them apart.
   */
  async noteSubscription(id: string, subscription: string, runs: boolean): Promise<SubscriptionNoted> {
    const hash = createHmac("sha256", this.#subscriptionKey).update(subscription).digest("base64url");
    const outcome = await this.transact<SubscriptionNoted, never>(async (trx, announce) => {
      const row = await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) return ok("account-unknown");
      const another = row.subscription_hash !== null && row.subscription_hash !== hash;
      if (another && (!runs || keepsOthersOut(true, row.paid_until ?? undefined, this.#nowS())))
        return ok("another-runs");
      const noted = { renews: runs ? 1 : 0, subscription_hash: runs ? hash : null };
      if (row.renews === noted.renews && row.subscription_hash === noted.subscription_hash)
        return ok("noted");
      await trx.updateTable("accounts").set(noted).where("id", "=", id).execute();
      // The servers wait for its next payment, or no longer do (policy/expiry.ts, accessUntil).
      if (row.paid_until !== null) announce(this.#access.changeOf({ ...row, ...noted }), id);
      return ok("noted");
    });
    return outcome.ok ? outcome.value : "account-unknown";
  }

  /** Adds days to the paid time, from its end or from now. For the operator; payments use `extendIn`. */
  extend(id: string, days: number): Promise<Result<AccountView, ExtendError>> {
    return this.transact((trx, announce) => this.extendIn(trx, announce, id, days));
  }

  /** The same inside a transaction of `transact`'s. Throws RangeError where `days` is not 1 to EXTENSION_DAYS_MOST. */
  async extendIn(
    trx: Transaction<Tables>,
    announce: Announce,
    id: string,
    days: number,
  ): Promise<Result<AccountView, ExtendError>> {
    const given = await this.giveIn(trx, announce, id, days);
    return given.ok ? ok(given.value.account) : given;
  }

  /** The same, with the span that was given, by which it can be taken out again. */
  async giveIn(
    trx: Transaction<Tables>,
    announce: Announce,
    id: string,
    days: number,
  ): Promise<Result<{ account: AccountView; span: Span }, ExtendError>> {
    if (!Number.isInteger(days) || days < 1 || days > EXTENSION_DAYS_MOST)
      throw new RangeError(`days: a whole number from 1 to ${EXTENSION_DAYS_MOST}`);
    const row = await trx.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) return fail("account-unknown");
    if (row.terminated !== 0) return fail("account-terminated");
    const { time, span } = give(paidTimeOf(row), this.#nowS(), days * DAY_S);
    return ok({ account: await this.#setPaidTimeIn(trx, announce, row, time), span });
  }

  /** Ends access at once, whatever is paid. The account goes as `unpaidDeletedAfter` says, or earlier when the member deletes it. */
  async terminate(name: string): Promise<Result<AccountView, "account-unknown">> {
    return this.#setTerminated(name, 1);
  }

  /** Takes a termination back: access as paid. */
  async reinstate(name: string): Promise<Result<AccountView, "account-unknown">> {
    return this.#setTerminated(name, 0);
  }

  /**
   * Deletes the account; when the promise resolves, no byte of it is left in SQLite's files (PostgreSQL's: soon after, see
   * Store.scrub). With `password` (the member's own request) only where it is right, and where a subscription runs only if the
   * member says that it was cancelled at PayPal: we know no number of it by which we could. Throws BusyError.
   */
  async remove(
    id: string,
    password?: string,
    options: { subscriptionCancelled?: boolean } = {},
  ): Promise<Result<void, "password-wrong" | "subscription-runs" | "account-unknown">> {
    if (password !== undefined) {
      const row = await this.#rows.withPassword(id, password);
      if (row === undefined) return fail("password-wrong");
      if (row.renews !== 0 && options.subscriptionCancelled !== true) return fail("subscription-runs");
    }
    const outcome = await this.transact<void, "account-unknown">(async (trx, announce) => {
      const gone = await trx.deleteFrom("accounts").where("id", "=", id).returningAll().executeTakeFirst();
      if (gone === undefined) return fail("account-unknown");
      announce({ kind: "gone", vpnUsername: this.#access.credentialsOf(gone).username }, id);
      return ok(undefined);
    });
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /** Everything stored about an account, with purpose and lifetime out of the data inventory. */
  async exportEverything(id: string): Promise<AccountExport | undefined> {
    const row = await this.#rows.of({ id });
    if (row === undefined) return undefined;
    return exportOf(this.#store.db, row, this.#access.credentialsOf(row));
  }

  async #setTerminated(name: string, terminated: 0 | 1): Promise<Result<AccountView, "account-unknown">> {
    return this.transact<AccountView, "account-unknown">(async (trx, announce) => {
      const row = await trx
        .selectFrom("accounts")
        .selectAll()
        .where("name", "=", canonicalName(name) ?? "")
        .executeTakeFirst();
      if (row === undefined) return fail("account-unknown");
      const unpaidUntil = unpaidDeletedAfter(this.#nowS());
      const paidKeep = deletedAfter(row.paid_until ?? 0);
      const changed = await trx
        .updateTable("accounts")
        .set({ terminated, delete_after: terminated === 1 ? unpaidUntil : Math.max(unpaidUntil, paidKeep) })
        .where("id", "=", row.id)
        .returningAll()
        .executeTakeFirstOrThrow();
      announce(this.#access.changeOf(changed), changed.id);
      return ok(viewOf(changed));
    });
  }

  async #setPaidTimeIn(
    trx: Transaction<Tables>,
    announce: Announce,
    { id, terminated, delete_after }: AccountRow,
    time: PaidTime,
  ): Promise<AccountView> {
    const paidUntil = time.untilS ?? 0;
    const changed = await trx
      .updateTable("accounts")
      .set({
        paid_until: paidUntil,
        taken_back: takenBackText(time),
        // Who was cut off goes on the day that was set then.
        delete_after: terminated === 1 ? delete_after : deletedAfter(paidUntil),
      })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow();
    announce(this.#access.changeOf(changed), id);
    return viewOf(changed);
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

export type ExtendError = "account-unknown" | "account-terminated";
