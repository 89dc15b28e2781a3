import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { seal, unseal } from "../lib/seal.ts";

/**
 * Who is logged in stands in no table: that would be a log of logins. A session is a sealed text (AES-256-GCM) that the
 * browser or the API client keeps: account id, the stamp of its password hash, an end, and a key for its forms. A changed
 * password changes the stamp, and with it ends every session made before.
 */
export interface Session {
  accountId: string;
  stamp: string;
  /** UTC seconds. */
  expiresAt: number;
  /** Stands in every form of this session as a hidden field. */
  formToken: string;
}

/** A cookie's text is no bearer token and the other way round: the purpose is authenticated with the seal. */
export type Purpose = "cookie" | "bearer";

export const SESSION_LIFETIME_S = 24 * 3600;

const LONGEST = 1024;

export class SessionSeal {
  readonly #key: Uint8Array;
  readonly #formKey: Uint8Array;
  readonly #clock: Clock;

  /** `secret`: 32 random bytes that only the office holds; another secret opens no older session. */
  constructor(secret: Uint8Array, clock: Clock) {
    if (secret.length !== 32) throw new RangeError("the session secret has 32 bytes");
    this.#key = deriveKey(secret, "lethe web session");
    this.#formKey = deriveKey(secret, "lethe web form");
    this.#clock = clock;
  }

  start(accountId: string, stamp: string, formToken = randomBytes(16).toString("base64url")): Session {
    const expiresAt = Math.floor(this.#clock.now() / 1000) + SESSION_LIFETIME_S;
    return { accountId, stamp, expiresAt, formToken };
  }

  seal(purpose: Purpose, session: Session): string {
    const text = JSON.stringify([session.accountId, session.stamp, session.expiresAt, session.formToken]);
    return seal(this.#key, text, { bound: purpose }).toString("base64url");
  }

  /** The session in a sealed text; undefined where it is not ours, was altered, has another purpose, or is over. */
  open(purpose: Purpose, text: string | undefined): Session | undefined {
    if (text === undefined || text.length > LONGEST) return undefined;
    const bytes = Buffer.from(text, "base64url");
    if (bytes.toString("base64url") !== text) return undefined;
    let content: string;
    try {
      content = unseal(this.#key, bytes, purpose).toString();
    } catch {
      return undefined;
    }
    // What the seal holds was written by us: its shape needs no check, only its age does.
    const [accountId, stamp, expiresAt, formToken] = JSON.parse(content) as [string, string, number, string];
    if (expiresAt * 1000 <= this.#clock.now()) return undefined;
    return { accountId, stamp, expiresAt, formToken };
  }

  /** The form token that belongs to a visitor's random cookie (sign-up and log-in, where there is no session yet). */
  visitorToken(cookie: string): string {
    return createHmac("sha256", this.#formKey).update(cookie).digest("base64url");
  }
}

/** Compares two texts in a time that does not depend on where they differ. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
