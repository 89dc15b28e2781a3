import { createHmac, type KeyObject } from "node:crypto";
import { base32 } from "../lib/base32.ts";
import type { Store } from "../store/open.ts";
import type { AccountRow } from "../store/tables.ts";
import type { Passwords } from "./passwords.ts";
import { typedPassword } from "./rules.ts";

/** The rows of `accounts` as they are found, and what the site knows a login by. */
export class AccountRows {
  readonly #store: Store;
  readonly #siteSecret: KeyObject;
  readonly #passwords: Passwords;

  constructor(options: { store: Store; siteSecret: KeyObject; passwords: Passwords }) {
    this.#store = options.store;
    this.#siteSecret = options.siteSecret;
    this.#passwords = options.passwords;
  }

  of(where: Partial<Pick<AccountRow, "id" | "name" | "vpn_tag">>): Promise<AccountRow | undefined> {
    return this.#store.db
      .selectFrom("accounts")
      .selectAll()
      .where((expression) => expression.and(where))
      .executeTakeFirst();
  }

  /** Nothing where the password is wrong. Throws BusyError. */
  async withPassword(id: string, password: string): Promise<AccountRow | undefined> {
    const typed = typedPassword(password);
    const row = await this.of({ id });
    if (typed === undefined || row === undefined) return undefined;
    return (await this.#passwords.verify(row.password_hash, typed)) ? row : undefined;
  }

  /** What the site binds its cookies to: it changes with the password. */
  stamp(row: AccountRow): string {
    const mac = createHmac("sha256", this.#siteSecret)
      .update(`stamp ${row.id} ${row.password_hash}`)
      .digest();
    return base32(mac, 26);
  }
}
