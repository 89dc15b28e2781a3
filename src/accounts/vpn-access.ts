import type { KeyObject } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Transaction } from "kysely";
import type { Clock } from "../lib/clock.ts";
import { ok } from "../lib/result.ts";
import { accessUntil } from "../policy/expiry.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import type { AccountRow, Tables } from "../store/tables.ts";
import type { AccountChange, Announce, Changes } from "./changes.ts";
import {
  deriveVpnCredentials,
  newVpnSalt,
  type RosterCredential,
  rosterCredential,
  type VpnCredentials,
  vpnTag,
} from "./vpn-credentials.ts";

/** As many accounts at one go as keep everybody else waiting some tens of milliseconds. */
const PAGE_ROWS = 200;

/** So long after access has ended the roster carries an account on, so that an exit can say that it is over, and not that the password is wrong. */
export const EXPIRED_TOLD_S = LIFETIMES.expiredTold.days * 86_400;

/** What an account's row says of its access: the VPN credentials made from its salt, and what the exits are to know of them. */
export class VpnAccess {
  readonly #siteSecret: KeyObject;
  readonly #clock: Clock;

  constructor(options: { siteSecret: KeyObject; clock: Clock }) {
    this.#siteSecret = options.siteSecret;
    this.#clock = options.clock;
  }

  credentialsOf(row: Pick<AccountRow, "vpn_salt">): VpnCredentials {
    return deriveVpnCredentials(this.#siteSecret, row.vpn_salt);
  }

  /** The tag of a VPN username as somebody typed it. */
  tagOf(username: string): string {
    return vpnTag(this.#siteSecret, username.trim().toLowerCase());
  }

  /** A new salt and the tag that goes with it; once in 2^60 a pair another account has that tag. */
  draw(): { salt: string; tag: string } {
    const salt = newVpnSalt();
    return { salt, tag: vpnTag(this.#siteSecret, this.credentialsOf({ vpn_salt: salt }).username) };
  }

  /** What the exits have to know of an account as it now is. */
  changeOf(row: AccountRow): AccountChange {
    const credential = this.rosterCredentialOf(row);
    return credential === undefined
      ? { kind: "gone", vpnUsername: this.credentialsOf(row).username }
      : { kind: "credential", ...credential };
  }

  /** What the roster carries of it; nothing where it has no access. */
  rosterCredentialOf(
    row: Pick<AccountRow, "vpn_salt" | "paid_until" | "terminated" | "renews">,
  ): RosterCredential | undefined {
    if (row.terminated !== 0 || row.paid_until === null) return undefined;
    const untilS = accessUntil(row.paid_until, row.renews !== 0);
    if (untilS + EXPIRED_TOLD_S <= Math.floor(this.#clock.now() / 1000)) return undefined;
    return rosterCredential(this.credentialsOf(row), untilS);
  }

  /** New credentials for everybody, in some transactions. Returns how many accounts that were. */
  async renewAll(transact: Changes["transact"]): Promise<number> {
    let count = 0;
    let after = "";
    for (;;) {
      const page = await transact<string | undefined, never>(async (trx, announce) => {
        const rows = await trx
          .selectFrom("accounts")
          .selectAll()
          .where("id", ">", after)
          .orderBy("id")
          .limit(PAGE_ROWS)
          .execute();
        for (const row of rows) await this.renewIn(trx, announce, row);
        count += rows.length;
        return ok(rows.at(-1)?.id);
      });
      if (!page.ok || page.value === undefined) return count;
      after = page.value;
      await nextTurn();
    }
  }

  /** New credentials, inside a transaction on accounts. */
  async renewIn(trx: Transaction<Tables>, announce: Announce, row: AccountRow): Promise<VpnCredentials> {
    const old = this.credentialsOf(row);
    for (;;) {
      const { salt, tag } = this.draw();
      const other = await trx
        .selectFrom("accounts")
        .select("id")
        .where("vpn_tag", "=", tag)
        .executeTakeFirst();
      if (other !== undefined) continue;
      const renewed = await trx
        .updateTable("accounts")
        .set({ vpn_salt: salt, vpn_tag: tag })
        .where("id", "=", row.id)
        .returningAll()
        .executeTakeFirstOrThrow();
      const change = this.changeOf(renewed);
      if (change.kind === "credential") announce({ ...change, oldVpnUsername: old.username }, row.id);
      else announce({ kind: "gone", vpnUsername: old.username }, row.id);
      return this.credentialsOf(renewed);
    }
  }
}
