import { hash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/event-log.ts";
import { isProxyService, type Service } from "../../link/services.ts";
import type {
  Admission,
  Challenged,
  Credential,
  CredentialSource,
  KeeperAuthoriser,
  Lender,
  LoginAttempt,
  Refusal,
  Secret,
  Session,
} from "../authorise.ts";
import { LiveSession } from "../live-session.ts";
import { type GuessTag, GuessThrottle } from "./guess-throttle.ts";

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
const NOBODYS_SECRET: Secret = { digest: NOBODYS_DIGEST, ntHash: Buffer.alloc(16) };
/** Until settings come, and where they say nothing. */
const SESSIONS_A_CREDENTIAL = 10;
/** What a session is of: a VPN client; in its place a number, all proxy connections from one address (its keyed tag). */
const VPN = "vpn";

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
  /** The same of a login by challenge; undefined where it is none of the exit's own. */
  selfTestChallenge?: <Proof>(
    attempt: Omit<LoginAttempt, "password">,
    verify: (secret: Secret) => Proof | undefined,
  ) => Challenged<Proof> | undefined;
  /** Until settings come. */
  connectionsPerCredential?: number;
  sessionsPerCredential?: number;
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
  /** Slots of proxy connections, lent ones whether used or not. */
  connections: number;
  vpnClients: number;
  /** Admitted proxy connections and loans by the client's address, which stands here as a keyed tag; one session each. */
  proxyClients: Map<number, number>;
}

/** Who is online on this exit, in memory only: lets in, counts, and ends what must end. */
export class Sessions implements KeeperAuthoriser, Lender {
  #source: CredentialSource;
  #timeMs: () => number | undefined;
  #clock: Clock;
  #log: Log;
  #throttle = new GuessThrottle();
  #uses = new Map<string, Use>();
  #size = 0;
  #maxSessions: number;
  #connectionsPerCredential: number;
  #sessionsPerCredential: number;
  #confirmed: () => boolean;
  #selfTest: (attempt: LoginAttempt) => Session | undefined;
  #selfTestChallenge: NonNullable<SessionsOptions["selfTestChallenge"]>;
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
    this.#selfTestChallenge = options.selfTestChallenge ?? (() => undefined);
    this.#connectionsPerCredential = options.connectionsPerCredential ?? 1000;
    this.#sessionsPerCredential = options.sessionsPerCredential ?? SESSIONS_A_CREDENTIAL;
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

  /** Who is online stays; what is lent by more generous limits is called back. */
  setLimits(limits: { connectionsPerCredential: number; sessionsPerCredential?: number }): void {
    const lowered = limits.connectionsPerCredential < this.#connectionsPerCredential;
    this.#connectionsPerCredential = limits.connectionsPerCredential;
    this.#sessionsPerCredential = limits.sessionsPerCredential ?? SESSIONS_A_CREDENTIAL;
    if (lowered) for (const use of this.#uses.values()) this.#recall(use);
  }

  /** Draining: nobody new is let in, and who is online stays until going by itself. */
  setDraining(draining: boolean): void {
    if (draining && !this.#draining) for (const use of this.#uses.values()) this.#recall(use);
    this.#draining = draining;
  }

  async login(attempt: LoginAttempt): Promise<Admission> {
    try {
      return this.#decidePassword(attempt);
    } catch {
      this.#log("internal-error");
      return refused("unavailable");
    }
  }

  /** See KeeperAuthoriser: a VPN client that outlived the process that had let it in. */
  async readmit(client: { service: Service; username: string }): Promise<Admission> {
    return this.#comeIn(client, "back");
  }

  async occupy(client: { service: Service; username: string }): Promise<Admission> {
    return this.#comeIn(client, "anew");
  }

  async challenge<Proof>(
    attempt: Omit<LoginAttempt, "password">,
    verify: (secret: Secret) => Proof | undefined,
  ): Promise<Challenged<Proof>> {
    try {
      const test = this.#selfTestChallenge(attempt, verify);
      if (test !== undefined) return test;
      let proof: Proof | undefined;
      const admission = this.#decide(attempt, (credential) => {
        const ntHash = credential && this.#source.ntHash?.(attempt.username);
        const secret = credential && { digest: credential.digest, ...(ntHash !== undefined && { ntHash }) };
        proof = verify(secret ?? NOBODYS_SECRET);
        return proof !== undefined;
      });
      return admission.admitted ? { ...admission, proof: proof! } : admission;
    } catch {
      this.#log("internal-error");
      return { admitted: false, reason: "unavailable" };
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

  #comeIn({ service, username }: { service: Service; username: string }, how: "back" | "anew"): Admission {
    try {
      const time = this.#timeMs();
      if (time === undefined) return refused("unavailable");
      const credential = this.#source.authorise(username);
      // A member of a moment ago is not in a roster that was sealed before: that is no reason to end the session.
      if (credential === undefined) return refused(this.#confirmed() ? "unknown" : "unavailable");
      if (time >= credential.until * 60_000) return refused("expired");
      if (how === "anew" && this.#draining) return refused("draining");
      const client = isProxyService(service) ? 0 : VPN;
      return this.#admit(username.toLowerCase(), credential, client, how);
    } catch {
      this.#log("internal-error");
      return refused("unavailable");
    }
  }

  #decidePassword(attempt: LoginAttempt): Admission {
    if (attempt.password.length > MAX_PASSWORD_CHARACTERS) return refused("unknown");
    const selfTest = this.#timeMs() === undefined ? undefined : this.#selfTest(attempt);
    if (selfTest !== undefined) return { admitted: true, session: selfTest, selfTest: true };
    return this.#decide(attempt, (credential) => {
      const given = hash("sha256", attempt.password, "buffer");
      return timingSafeEqual(given, credential?.digest ?? NOBODYS_DIGEST);
    });
  }

  /** `isRight` is asked whether there is such a credential or not. */
  #decide(
    { service, username: name, address }: Omit<LoginAttempt, "password">,
    isRight: (credential: Credential | undefined) => boolean,
  ): Admission {
    const time = this.#timeMs();
    if (time === undefined) return refused("unavailable");
    if (name.length > MAX_USERNAME_CHARACTERS) return refused("unknown");
    const username = name.toLowerCase();
    const now = this.#clock.monotonic();
    const tag = this.#throttle.tag(address, username);
    if (this.#throttle.slowed(tag, now)) {
      this.#saySlowed(now);
      return refused("slow-down");
    }
    const credential = this.#source.authorise(name);
    const right = isRight(credential);
    if (credential === undefined || !right) {
      this.#throttle.wrong(tag, now);
      // Where guessing has begun, this table alone knows whom to slow.
      const use = this.#uses.get(username);
      if (use !== undefined) this.#recall(use);
      return refused("unknown");
    }
    if (time >= credential.until * 60_000) return refused("expired");
    if (this.#draining) return refused("draining");
    return this.#admit(username, credential, isProxyService(service) ? clientOf(tag) : VPN, "anew");
  }

  #admit(
    username: string,
    { digest, until }: Credential,
    client: typeof VPN | number,
    how: "back" | "anew",
  ): Admission {
    const use = this.#uses.get(username) ?? {
      username,
      digest,
      until,
      sessions: new Set(),
      loans: new Set(),
      connections: 0,
      vpnClients: 0,
      proxyClients: new Map(),
    };
    if (this.#size >= this.#maxSessions) return refused("too-many");
    if (how === "anew") {
      const another = client === VPN || !use.proxyClients.has(client);
      const taken = use.vpnClients + use.proxyClients.size;
      if (another && taken >= this.#sessionsPerCredential) return refused("too-many");
      if (client !== VPN && use.connections >= this.#connectionsPerCredential) return refused("too-many");
    }
    const session = new AdmittedSession(use, client, () => this.#ended(session));
    use.sessions.add(session);
    use.connections += session.slots;
    if (client === VPN) use.vpnClients += 1;
    else use.proxyClients.set(client, (use.proxyClients.get(client) ?? 0) + 1);
    this.#size += 1;
    this.#uses.set(username, use);
    // Long before the limit, so that what is lent and not used is back by then.
    if (use.connections > this.#connectionsPerCredential * 0.75) this.#recall(use);
    return { admitted: true, session };
  }

  #ended(session: AdmittedSession): void {
    const { use, slots, client } = session;
    if (!use.sessions.delete(session)) return;
    use.loans.delete(session);
    if (client === VPN) use.vpnClients -= 1;
    else {
      const left = use.proxyClients.get(client)! - 1;
      if (left > 0) use.proxyClients.set(client, left);
      else use.proxyClients.delete(client);
    }
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

const refused = (reason: Refusal): { admitted: false; reason: Refusal } => ({ admitted: false, reason });

/** The keyed tag of an address at a name, as one number of 53 bits. */
const clientOf = ({ pair: [high, low] }: GuessTag): number => (high & 0x1f_ffff) * 2 ** 32 + low;

class AdmittedSession extends LiveSession {
  use: Use;
  client: typeof VPN | number;
  /** Proxy connections that it stands for: one, more where it is a loan, none for a VPN client. */
  slots: number;
  onRecall: (() => void) | undefined;

  constructor(use: Use, client: typeof VPN | number, release: () => void) {
    super(release);
    this.use = use;
    this.client = client;
    this.slots = client === VPN ? 0 : 1;
  }
}
