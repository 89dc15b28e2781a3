import { hash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { Service } from "../link/services.ts";
import type {
  Admission,
  Authoriser,
  Credential,
  CredentialSource,
  Lender,
  LoginAttempt,
  Refusal,
  Session,
} from "./authorise.ts";
import { GuessThrottle } from "./guess-throttle.ts";

const SWEEP_MS = 1000;
/** Longer ones are nobody's: they are refused before anything is computed of them. */
const MAX_USERNAME_CHARACTERS = 128;
const MAX_PASSWORD_CHARACTERS = 1024;
/** That guessing is being slowed is said at most so often: more would be a log of tries. */
const SAY_SLOWED_MS = 3_600_000;
/** A proxy is lent so many slots of a credential at a time, its connection's own among them. */
const LEASE_SLOTS = 32;
/** Below this limit every connection is asked for, so that a small limit counts exactly what is open. */
const LEAST_LIMIT_LENT = 128;
/** Compared with where there is no such name, so that the answer takes as long. */
const NOBODYS_DIGEST = Buffer.alloc(32);

export interface SessionsOptions {
  source: CredentialSource;
  /** The office's time in milliseconds; nothing while no roster holds. */
  timeMs: () => number | undefined;
  clock: Clock;
  log: Log;
  /** Whether the source has been confirmed since the start, and does not lack the newest credentials. */
  confirmed?: () => boolean;
  /** The session of a login by which this exit tests itself; it counts nowhere. */
  selfTest?: (attempt: LoginAttempt) => Session | undefined;
  /** Until settings come. */
  connectionsPerCredential?: number;
  /** Of all credentials together. */
  maxSessions?: number;
}

/** One credential in use. */
interface Use {
  username: string;
  digest: Uint8Array;
  /** UTC minutes since 1970. */
  until: number;
  sessions: Set<AdmittedSession>;
  /** Those by which a proxy may admit more. */
  loans: Set<AdmittedSession>;
  /** Slots of proxy connections, lent ones whether used or not: they have a limit, VPN clients have none. */
  connections: number;
}

/** Who is online on this exit, in memory only: lets in, counts, and ends what must end. */
export class Sessions implements Authoriser, Lender {
  #source: CredentialSource;
  #timeMs: () => number | undefined;
  #clock: Clock;
  #log: Log;
  #throttle = new GuessThrottle();
  #uses = new Map<string, Use>();
  #size = 0;
  #maxSessions: number;
  #connectionsPerCredential: number;
  #confirmed: () => boolean;
  #selfTest: (attempt: LoginAttempt) => Session | undefined;
  #draining = false;
  #sweep: NodeJS.Timeout | undefined;
  #saidSlowedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SessionsOptions) {
    this.#source = options.source;
    this.#timeMs = options.timeMs;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#confirmed = options.confirmed ?? (() => true);
    this.#selfTest = options.selfTest ?? (() => undefined);
    this.#connectionsPerCredential = options.connectionsPerCredential ?? 1000;
    this.#maxSessions = options.maxSessions ?? 500_000;
  }

  /** Sessions, and slots that are lent. */
  get size(): number {
    return this.#size;
  }

  /** Begins the look, once a second, for sessions whose time is over. */
  start(): void {
    this.#sweep = setInterval(() => this.sweep(), SWEEP_MS);
    this.#sweep.unref();
  }

  close(): void {
    clearInterval(this.#sweep);
  }

  setLimits(limits: { connectionsPerCredential: number }): void {
    const lowered = limits.connectionsPerCredential < this.#connectionsPerCredential;
    this.#connectionsPerCredential = limits.connectionsPerCredential;
    if (lowered) for (const use of this.#uses.values()) this.#recall(use);
  }

  /** Draining: nobody new is let in, and who is online stays until going by itself. */
  setDraining(draining: boolean): void {
    if (draining && !this.#draining) for (const use of this.#uses.values()) this.#recall(use);
    this.#draining = draining;
  }

  async login(attempt: LoginAttempt): Promise<Admission> {
    try {
      return this.#decide(attempt);
    } catch {
      this.#log("internal-error");
      return refused("unavailable");
    }
  }

  /** See Authoriser: a VPN client that outlived the process that had let it in. */
  async readmit(client: { service: Service; username: string }): Promise<Admission> {
    try {
      const time = this.#timeMs();
      if (time === undefined) return refused("unavailable");
      const credential = this.#source.authorise(client.username);
      // A member of a moment ago is not in a roster that was sealed before: that is no reason to end the session.
      if (credential === undefined) return refused(this.#confirmed() ? "unknown" : "unavailable");
      if (time >= credential.until * 60_000) return refused("expired");
      return this.#admit(client.username.toLowerCase(), credential, false);
    } catch {
      this.#log("internal-error");
      return refused("unavailable");
    }
  }

  /**
   * Lends while the credential is in use already, and far from its limit: a slot that one proxy holds unused must not be
   * missing elsewhere.
   */
  lend(session: Session, onRecall: () => void): number {
    if (!(session instanceof AdmittedSession) || session.slots !== 1) return 1;
    const { use } = session;
    const more = LEASE_SLOTS - 1;
    const limit = this.#connectionsPerCredential;
    if (limit < LEAST_LIMIT_LENT || use.connections + more > limit / 2) return 1;
    if (this.#size + more > this.#maxSessions / 2) return 1;
    if (use.sessions.size < 2 || !use.sessions.has(session)) return 1;
    session.slots += more;
    use.connections += more;
    this.#size += more;
    session.onRecall = onRecall;
    use.loans.add(session);
    return session.slots;
  }

  giveBack(session: Session, slots: number): boolean {
    if (!(session instanceof AdmittedSession) || slots >= session.slots) return false;
    if (!session.use.sessions.has(session)) return true;
    session.slots -= slots;
    session.use.connections -= slots;
    this.#size -= slots;
    return true;
  }

  /** To be called when credentials have changed: ends the sessions that the change concerns. */
  rosterChanged(changed: string[] | "all"): void {
    const time = this.#timeMs();
    if (changed === "all") {
      for (const use of this.#uses.values()) this.#recheck(use, time);
      return;
    }
    for (const username of changed) {
      const use = this.#uses.get(username);
      if (use !== undefined) this.#recheck(use, time);
    }
  }

  /** Ends what has run out. Once a second by itself after `start`. */
  sweep(): void {
    const time = this.#timeMs();
    let cut = 0;
    for (const use of this.#uses.values()) {
      if (time !== undefined && time < use.until * 60_000) continue;
      cut += use.sessions.size;
      this.#cutAll(use);
    }
    // One member's end is not put on record; that nobody may stay is.
    if (time === undefined && cut > 0) this.#log("sessions-cut", { reason: "outdated" });
  }

  #decide(attempt: LoginAttempt): Admission {
    const time = this.#timeMs();
    if (time === undefined) return refused("unavailable");
    if (
      attempt.username.length > MAX_USERNAME_CHARACTERS ||
      attempt.password.length > MAX_PASSWORD_CHARACTERS
    ) {
      return refused("unknown");
    }
    const selfTest = this.#selfTest(attempt);
    if (selfTest !== undefined) return { admitted: true, session: selfTest, selfTest: true };
    const username = attempt.username.toLowerCase();
    const now = this.#clock.monotonic();
    const tag = this.#throttle.tag(attempt.address, username);
    if (this.#throttle.slowed(tag, now)) {
      this.#saySlowed(now);
      return refused("slow-down");
    }
    const credential = this.#source.authorise(attempt.username);
    const given = hash("sha256", attempt.password, "buffer");
    const right = timingSafeEqual(given, credential?.digest ?? NOBODYS_DIGEST);
    if (credential === undefined || !right) {
      this.#throttle.wrong(tag, now);
      // Where guessing has begun, this table alone knows whom to slow.
      const use = this.#uses.get(username);
      if (use !== undefined) this.#recall(use);
      return refused("unknown");
    }
    if (time >= credential.until * 60_000) return refused("expired");
    if (this.#draining) return refused("draining");
    return this.#admit(username, credential, attempt.service !== "openvpn");
  }

  #admit(username: string, { digest, until }: Credential, counted: boolean): Admission {
    const use = this.#uses.get(username) ?? {
      username,
      digest,
      until,
      sessions: new Set(),
      loans: new Set(),
      connections: 0,
    };
    if (this.#size >= this.#maxSessions) return refused("too-many");
    if (counted && use.connections >= this.#connectionsPerCredential) return refused("too-many");
    const session = new AdmittedSession(use, counted, () => this.#ended(session));
    use.sessions.add(session);
    use.connections += session.slots;
    this.#size += 1;
    this.#uses.set(username, use);
    // Long before the limit, so that what is lent and not used is back by then.
    if (use.connections > this.#connectionsPerCredential * 0.75) this.#recall(use);
    return { admitted: true, session };
  }

  #ended(session: AdmittedSession): void {
    const { use, slots } = session;
    if (!use.sessions.delete(session)) return;
    use.loans.delete(session);
    use.connections -= slots;
    this.#size -= Math.max(slots, 1);
    if (use.sessions.size === 0 && this.#uses.get(use.username) === use) this.#uses.delete(use.username);
  }

  /** From now on every connection is asked for; slots that are lent and not used come back. */
  #recall(use: Use): void {
    const loans = [...use.loans];
    use.loans.clear();
    for (const { onRecall } of loans) onRecall?.();
  }

  #recheck(use: Use, time: number | undefined): void {
    const credential = this.#source.authorise(use.username);
    if (credential !== undefined && Buffer.compare(credential.digest, use.digest) === 0) {
      use.until = credential.until;
      if (time !== undefined && time < use.until * 60_000) return;
    }
    this.#cutAll(use);
  }

  #cutAll(use: Use): void {
    for (const session of [...use.sessions]) {
      try {
        session.cut();
      } catch {
        this.#log("internal-error");
      }
    }
  }

  #saySlowed(now: number): void {
    if (now - this.#saidSlowedAt < SAY_SLOWED_MS) return;
    this.#saidSlowedAt = now;
    this.#log("guessing-slowed");
  }
}

const refused = (reason: Refusal): Admission => ({ admitted: false, reason });

/** A session as its holder sees it, with the end that its maker holds. */
export class LiveSession implements Session {
  #release: () => void;
  #onCut: (() => void) | undefined;
  #state: "open" | "cut" | "closed" = "open";

  /** `release` is called once, when the session is closed or cut. */
  constructor(release: () => void) {
    this.#release = release;
  }

  onCut(callback: () => void): void {
    if (this.#state === "cut") callback();
    else if (this.#state === "open") this.#onCut = callback;
  }

  close(): void {
    if (this.#state === "open") this.#release();
    this.#state = "closed";
    this.#onCut = undefined;
  }

  cut(): void {
    if (this.#state !== "open") return;
    this.#state = "cut";
    this.#release();
    const callback = this.#onCut;
    this.#onCut = undefined;
    callback?.();
  }
}

class AdmittedSession extends LiveSession {
  use: Use;
  /** Proxy connections that it stands for: one, more where it is a loan, none for a VPN client. */
  slots: number;
  onRecall: (() => void) | undefined;

  constructor(use: Use, counted: boolean, release: () => void) {
    super(release);
    this.use = use;
    this.slots = counted ? 1 : 0;
  }
}
