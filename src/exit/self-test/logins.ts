import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { formatIp, parseIp, unmap } from "../../lib/ip.ts";
import { ntHash } from "../../lib/nt-hash.ts";
import type { Service } from "../../link/services.ts";
import type { Challenged, LoginAttempt, Secret, Session } from "../authorise.ts";
import { LiveSession } from "../live-session.ts";

export interface SelfTestLogin {
  username: string;
  password: string;
}

interface Round {
  /** Of name and password together. */
  digest: Uint8Array;
  username: string;
  secret: Required<Secret>;
  service: Service;
  addresses: Set<string>;
  usesLeft: number;
  sessions: Set<LiveSession>;
}

/**
 * The logins by which the exit tests itself: drawn anew for every round and service, 128 and 256 random bits, held here
 * alone, and good for some seconds, as often as the round asks, from the addresses that it asks and no other. Whoever
 * learns one, a proxy that was broken into among them, has nothing: a proxy's session leads to the self-test's target, an
 * OpenVPN login is used up by the test itself, and after the round a login is nobody's.
 */
export class SelfTestLogins {
  readonly #rounds = new Set<Round>();

  /** `addresses` (as text) is where the service is asked: who asks one's own address has it as source, too. */
  begin(options: { service: Service; addresses: Iterable<string>; uses: number }): {
    login: SelfTestLogin;
    end: () => void;
  } {
    const login = {
      username: `self-test-${randomBytes(16).toString("hex")}`,
      password: randomBytes(32).toString("base64url"),
    };
    const round: Round = {
      digest: digestOf(login),
      username: login.username,
      secret: { digest: hash("sha256", login.password, "buffer"), ntHash: ntHash(login.password) },
      service: options.service,
      addresses: new Set([...options.addresses].flatMap((address) => canonical(address) ?? [])),
      usesLeft: options.uses,
      sessions: new Set(),
    };
    this.#rounds.add(round);
    const end = (): void => {
      this.#rounds.delete(round);
      for (const session of [...round.sessions]) session.cut();
    };
    return { login, end };
  }

  /** A session, where the attempt is one of a round that goes on; it ends with the round at the latest. */
  admit(attempt: LoginAttempt): Session | undefined {
    if (this.#rounds.size === 0) return undefined;
    const digest = digestOf(attempt);
    const address = canonical(attempt.address);
    for (const round of this.#rounds) {
      if (!timingSafeEqual(digest, round.digest)) continue;
      return mayCome(round, attempt.service, address) ? open(round) : undefined;
    }
    return undefined;
  }

  /** The same by challenge and response (see KeeperAuthoriser); undefined where the name is none of a round's. */
  challenge<Proof>(
    { service, username, address }: Omit<LoginAttempt, "password">,
    verify: (secret: Secret) => Proof | undefined,
  ): Challenged<Proof> | undefined {
    const round = [...this.#rounds].find((each) => each.username === username);
    if (round === undefined) return undefined;
    const proof = mayCome(round, service, canonical(address)) ? verify(round.secret) : undefined;
    if (proof === undefined) return { admitted: false, reason: "unknown" };
    return { admitted: true, session: open(round), proof };
  }
}

const mayCome = (round: Round, service: Service, address: string | undefined): boolean =>
  service === round.service && round.usesLeft > 0 && address !== undefined && round.addresses.has(address);

function open(round: Round): LiveSession {
  round.usesLeft -= 1;
  const session = new LiveSession(() => round.sessions.delete(session));
  round.sessions.add(session);
  return session;
}

const digestOf = ({ username, password }: SelfTestLogin): Uint8Array =>
  hash("sha256", `${username.length}\0${username}${password}`, "buffer");

function canonical(address: string): string | undefined {
  const ip = parseIp(address.split("%")[0]!);
  return ip && formatIp(unmap(ip));
}
