import { createHmac } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { seal, unseal } from "../lib/seal.ts";
import { MAIL_LINK_MINUTES } from "../policy/lifetimes.ts";
import type { AccountView } from "./account-view.ts";
import type { Accounts } from "./accounts.ts";

/** What a link that was sent by mail is for: one kind is never taken for another. */
export type MailLinkKind = "confirm-email" | "reset-password";

const LONGEST = 400;

/**
 * The links in mails to members, as sealed texts: nothing is stored about them. Each is bound to the account's password
 * hash, to the address it was sent to and to whether that was confirmed, so that it is over once it has done its work,
 * and when any of these change; and after 30 minutes.
 */
export class MailLinks {
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  readonly #sealKey: Uint8Array;
  readonly #boundKey: Uint8Array;

  /** `secret`: 32 bytes that only the office holds. */
  constructor({ accounts, clock, secret }: { accounts: Accounts; clock: Clock; secret: Uint8Array }) {
    if (secret.length !== 32) throw new RangeError("secret: 32 bytes");
    this.#accounts = accounts;
    this.#clock = clock;
    this.#sealKey = deriveKey(secret, "lethe mail link");
    this.#boundKey = deriveKey(secret, "lethe mail link state");
  }

  /** The text of a new link for an account that has an address; undefined where it is gone or has none. */
  async issue(kind: MailLinkKind, accountId: string): Promise<string | undefined> {
    const now = await this.#accounts.stampOf(accountId);
    if (now?.account.email === undefined) return undefined;
    const until = Math.floor(this.#clock.now() / 1000) + MAIL_LINK_MINUTES * 60;
    const content = JSON.stringify([accountId, this.#stateOf(now), until]);
    return seal(this.#sealKey, content, { bound: kind }).toString("base64url");
  }

  /** The account that a link is for, as it is now, with its stamp; undefined where the link is none of ours or over. */
  async open(kind: MailLinkKind, text: string): Promise<{ account: AccountView; stamp: string } | undefined> {
    const content = text.length > LONGEST ? undefined : this.#unseal(kind, text);
    if (content === undefined) return undefined;
    const [accountId, state, until] = content;
    if (until * 1000 <= this.#clock.now()) return undefined;
    const now = await this.#accounts.stampOf(accountId);
    return now !== undefined && this.#stateOf(now) === state ? now : undefined;
  }

  #unseal(kind: MailLinkKind, text: string): [string, string, number] | undefined {
    try {
      const content = unseal(this.#sealKey, Buffer.from(text, "base64url"), kind).toString();
      // What the seal holds was written by us.
      return JSON.parse(content) as [string, string, number];
    } catch {
      return undefined;
    }
  }

  #stateOf({ account, stamp }: { account: AccountView; stamp: string }): string {
    const state = JSON.stringify([stamp, account.email ?? null, account.emailVerified]);
    return createHmac("sha256", this.#boundKey).update(state).digest("base64url").slice(0, 22);
  }
}
