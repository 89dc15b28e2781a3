import { accessUntil } from "../policy/expiry.ts";
import type { Store } from "../store/open.ts";
import type { AccountChange, Changes } from "./changes.ts";
import { EXPIRED_TOLD_S, type VpnAccess } from "./vpn-access.ts";
import type { RosterCredential } from "./vpn-credentials.ts";

/** As many accounts as are read at one go. */
const READ_ROWS = 500;

/** What the roster carries of an account; nothing where it has no access. */
export interface AccountCredential {
  id: string;
  credential: RosterCredential | undefined;
}

/** The accounts as the roster has them: every one in pages, and what changes. Nothing here changes one. */
export class RosterAccounts {
  readonly #store: Store;
  readonly #changes: Changes;
  readonly #access: VpnAccess;

  constructor(options: { store: Store; changes: Changes; access: VpnAccess }) {
    this.#store = options.store;
    this.#changes = options.changes;
    this.#access = options.access;
  }

  /** Called after each change that the exits must hear of, once it is committed. */
  onChange(callback: (change: AccountChange, accountId: string) => void): void {
    this.#changes.onChange(callback);
  }

  /** Runs `work` while no account changes (changes.ts). */
  whileUnchanged<Value>(work: () => Promise<Value>): Promise<Value> {
    return this.#changes.whileUnchanged(work);
  }

  /**
   * A page of all accounts, by id, each with what the roster carries of it now; empty after the last. Whoever reads them all gives
   * the others their turn in between.
   */
  async credentialsAfter(id: string): Promise<AccountCredential[]> {
    // By id alone: with a condition on the time SQLite would go by the time's index and sort all of it for each page.
    const rows = await this.#store.db
      .selectFrom("accounts")
      .select(["id", "vpn_salt", "paid_until", "terminated", "renews"])
      .where("id", ">", id)
      .orderBy("id")
      .limit(READ_ROWS)
      .execute();
    return rows.map((row) => ({ id: row.id, credential: this.#access.rosterCredentialOf(row) }));
  }

  /** The same of these accounts, in any order; those that are gone are left out. At most a page's number. */
  async credentialsOf(ids: readonly string[]): Promise<AccountCredential[]> {
    const rows = await this.#store.db
      .selectFrom("accounts")
      .select(["id", "vpn_salt", "paid_until", "terminated", "renews"])
      .where("id", "in", ids)
      .execute();
    return rows.map((row) => ({ id: row.id, credential: this.#access.rosterCredentialOf(row) }));
  }

  /** Accounts that the roster need no longer carry since a time after `fromS` and until `toS` (UTC seconds). */
  async lapsed(fromS: number, toS: number): Promise<string[]> {
    const rows = await this.#store.db
      .selectFrom("accounts")
      .select("id")
      .where(({ and, eb, or }) =>
        or(
          [false, true].map((renews) => {
            // What a running subscription adds (policy/expiry.ts) lies between the end of the paid time and that of access.
            const keptS = EXPIRED_TOLD_S + accessUntil(0, renews);
            return and([
              eb("renews", "=", renews ? 1 : 0),
              eb("paid_until", ">", fromS - keptS),
              eb("paid_until", "<=", toS - keptS),
            ]);
          }),
        ),
      )
      .execute();
    return rows.map(({ id }) => id);
  }

  /**
   * Calls back with the id of each account that any office on this database has changed from now on, this one included; with "all"
   * where some may have been missed. Returns how to end it. Throws StoreError.
   */
  onNews(heard: (accountId: string | "all") => void): Promise<() => Promise<void>> {
    return this.#store.news.listen("account_changes", heard);
  }
}
