import { sql } from "kysely";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Store } from "../store/open.ts";
import type { AccountRow } from "../store/tables.ts";
import type { AccountRows } from "./account-rows.ts";
import { type AccountView, viewOf } from "./account-view.ts";
import type { Changes } from "./changes.ts";
import type { Passwords } from "./passwords.ts";
import { acceptEmail, acceptPassword } from "./rules.ts";
import type { VpnAccess } from "./vpn-access.ts";

/** What members change of their own account: the password, and the e-mail address by which a forgotten one is reset. */
export class LoginData {
  readonly #store: Store;
  readonly #transact: Changes["transact"];
  readonly #access: VpnAccess;
  readonly #rows: AccountRows;
  readonly #passwords: Passwords;

  constructor(options: {
    store: Store;
    transact: Changes["transact"];
    access: VpnAccess;
    rows: AccountRows;
    passwords: Passwords;
  }) {
    this.#store = options.store;
    this.#transact = options.transact;
    this.#access = options.access;
    this.#rows = options.rows;
    this.#passwords = options.passwords;
  }

  /** Throws BusyError. Every session of the site ends but the one that is given the new stamp. */
  async changePassword(
    id: string,
    oldPassword: string,
    newPassword: string,
    options: { renewVpn: boolean },
  ): Promise<
    Result<
      { account: AccountView; stamp: string },
      "password-wrong" | "password-short" | "password-long" | "password-is-name"
    >
  > {
    const row = await this.#rows.withPassword(id, oldPassword);
    if (row === undefined) return fail("password-wrong");
    const changed = await this.#setPassword(row, newPassword, options);
    if (changed.ok) return changed;
    return fail(changed.error === "changed-meanwhile" ? "password-wrong" : changed.error);
  }

  /**
   * A new password for whoever forgot the old one: `stamp` is the account's as it was when the member was found to be the
   * right one, so that this happens once for each stamp. Throws BusyError.
   */
  async resetPassword(
    id: string,
    stamp: string,
    newPassword: string,
    options: { renewVpn: boolean },
  ): Promise<Result<AccountView, "link-over" | "password-short" | "password-long" | "password-is-name">> {
    const row = await this.#rows.of({ id });
    if (row === undefined || this.#rows.stamp(row) !== stamp) return fail("link-over");
    const changed = await this.#setPassword(row, newPassword, options);
    if (changed.ok) return ok(changed.value.account);
    return fail(changed.error === "changed-meanwhile" ? "link-over" : changed.error);
  }

  /** Throws BusyError. */
  async #setPassword(
    row: AccountRow,
    newPassword: string,
    options: { renewVpn: boolean },
  ): Promise<
    Result<
      { account: AccountView; stamp: string },
      "changed-meanwhile" | "password-short" | "password-long" | "password-is-name"
    >
  > {
    const accepted = acceptPassword(newPassword, row.name);
    if (!accepted.ok) return accepted;
    const newHash = await this.#passwords.hash(accepted.value);
    const outcome = await this.#transact<AccountRow, "changed-meanwhile">(async (trx, announce) => {
      const changed = await trx
        .updateTable("accounts")
        .set({ password_hash: newHash })
        .where("id", "=", row.id)
        .where("password_hash", "=", row.password_hash)
        .returningAll()
        .executeTakeFirst();
      // Somebody else has changed it while we were hashing.
      if (changed === undefined) return fail("changed-meanwhile");
      if (options.renewVpn) await this.#access.renewIn(trx, announce, changed);
      return ok(changed);
    });
    if (!outcome.ok) return outcome;
    await this.#store.scrub();
    return ok({ account: viewOf(outcome.value), stamp: this.#rows.stamp(outcome.value) });
  }

  /** Sets the e-mail address, not verified where it is another, or takes it away (undefined or blank). Throws BusyError. */
  async changeEmail(
    id: string,
    password: string,
    email: string | undefined,
  ): Promise<Result<AccountView, "password-wrong" | "email-invalid">> {
    const accepted = acceptEmail(email);
    if (!accepted.ok) return accepted;
    const row = await this.#rows.withPassword(id, password);
    if (row === undefined) return fail("password-wrong");
    const outcome = await this.#transact<AccountView, "password-wrong">(async (trx) => {
      const changed = await trx
        .updateTable("accounts")
        .set({
          email: accepted.value ?? null,
          // By what stands there at this moment: the address may have been changed while the password was looked at.
          email_verified: sql<number>`case when email = ${accepted.value ?? null} then email_verified else 0 end`,
        })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirst();
      return changed === undefined ? fail("password-wrong") : ok(viewOf(changed));
    });
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /** Whoever reads `email` has confirmed it. False where the account is gone or has another address by now. */
  async confirmEmail(id: string, email: string): Promise<boolean> {
    const outcome = await this.#transact<boolean, never>(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable("accounts")
        .set({ email_verified: 1 })
        .where("id", "=", id)
        .where("email", "=", email)
        .executeTakeFirst();
      return ok(numUpdatedRows === 1n);
    });
    return outcome.ok && outcome.value;
  }
}
