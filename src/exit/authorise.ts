import type { Service } from "../link/services.ts";

/**
 * The one question every engine and proxy of an exit asks: may this username and password go online, and until when?
 * The engines' adapters (SOCKS5, HTTP, OpenVPN's management interface) only translate; who is let in, how many at once,
 * and when a live session has to end is decided behind this interface, in the keeper's memory.
 */

export interface LoginAttempt {
  service: Service;
  username: string;
  password: string;
  /** The client's address as text. Only ever turned into a keyed tag in memory, to slow guessing; never kept or written. */
  address: string;
}

/**
 * Why a login is refused. `unknown`: no such username, or the wrong password (one answer for both). `expired`: right
 * password, but the paid time is over. `slow-down`: too many wrong tries lately. `too-many`: the credential's limit of
 * simultaneous use is reached, over all services of this exit. `draining`: the operator lets nobody new in here; who is online stays. `unavailable`: nobody
 * can say at the moment (no valid roster, keeper restarting).
 */
export type Refusal = "unknown" | "expired" | "slow-down" | "too-many" | "draining" | "unavailable";

/** One admitted use of a credential: a proxy connection, or one VPN client. */
export interface Session {
  /**
   * Sets what to do when the session must end now (expired, renewed, terminated, deleted, keeper lost): the caller closes
   * the client's connection. Called at most once; at once if the cut has already come.
   */
  onCut(callback: () => void): void;
  /** The use is over. Idempotent; after it `onCut` is not called any more. */
  close(): void;
}

export type Admission =
  /** `selfTest`: no member but this exit itself; a proxy lets it go to the self-test's target and nowhere else. */
  { admitted: true; session: Session; selfTest?: true } | { admitted: false; reason: Refusal };

export interface Authoriser {
  /** Never throws: what goes wrong inside is `unavailable`. */
  login(attempt: LoginAttempt): Promise<Admission>;
}

/** What a challenge is held against. */
export interface Secret {
  /** SHA-256 of the password, 32 bytes. */
  digest: Uint8Array;
  /** MD4 of the password in UTF-16LE, 16 bytes; nothing where this exit is not given any. */
  ntHash?: Uint8Array;
}

export type Challenged<Proof> =
  | { admitted: true; session: Session; proof: Proof }
  | { admitted: false; reason: Refusal };

/** What the keeper's own authoriser also does, for engines that ask otherwise than with a password. Nothing of it throws. */
export interface KeeperAuthoriser extends Authoriser {
  /**
   * Takes back a client that logged in before this process started and whose connection lived on in its engine
   * (docs/decisions/0004-sessions-outlive-restarts.md). Decided by the username alone: `unknown` where the roster has no such
   * row, `expired` where its time is over, `unavailable` as long as there is no roster to ask, or none that the office has
   * confirmed and that knows the name; the caller asks again soon. Counts like a login, but no limit of simultaneous use
   * ends anybody here.
   */
  readmit(client: { service: Service; username: string }): Promise<Admission>;
  /**
   * A client that its engine has let in by a key comes online (a WireGuard device's first handshake). Like `readmit`, but it
   * comes in anew: the limits refuse it, and so does a server that drains.
   */
  occupy(client: { service: Service; username: string }): Promise<Admission>;
  /**
   * A login by challenge and response (EAP-MSCHAPv2). `verify` is a pure function that says whether the response is right,
   * by what it returns: the proof that the server in turn owes the client, or undefined. It is also called, with a secret of
   * nobody's, where there is no such username.
   */
  challenge<Proof>(
    attempt: Omit<LoginAttempt, "password">,
    verify: (secret: Secret) => Proof | undefined,
  ): Promise<Challenged<Proof>>;
}

/**
 * What the keeper's authoriser also does: lends a proxy slots of a credential, so that it admits the next connections without
 * asking (docs/decisions/0002-authorising-in-the-keeper.md). Only the authorise socket's server asks for it.
 */
export interface Lender {
  /**
   * How many connections `session`, admitted just now, stands for from now on: 1 where nothing is lent. `onRecall` is called
   * at most once, when no more may be admitted by it; the connections that are open stay.
   */
  lend(session: Session, onRecall: () => void): number;
  /** Slots of a loan that are not used any more. False where `session` does not stand for more than so many. */
  giveBack(session: Session, slots: number): boolean;
}

/** What an exit knows of one credential. */
export interface Credential {
  /** SHA-256 of the password, 32 bytes. */
  digest: Uint8Array;
  /** UTC minutes since 1970 until which it is good. */
  until: number;
}

/** Where credentials come from: the roster's accounts, later also access passes. */
export interface CredentialSource {
  /** The credential of `username`, or nothing where this source has none. Takes microseconds. */
  authorise(username: string): Credential | undefined;
  /** The NT hash of the password (see Secret), where this source has it. */
  ntHash?(username: string): Uint8Array | undefined;
}
