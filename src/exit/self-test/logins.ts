import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { formatIp, parseIp, unmap } from "../../lib/ip.ts";
import type { LoginAttempt, Session } from "../authorise.ts";
import { LiveSession } from "../sessions.ts";

export interface SelfTestLogin {
  username: string;
  password: string;
}

interface Round {
  digest: Uint8Array;
  addresses: Set<string>;
  sessions: Set<LiveSession>;
}

/**
 * The logins by which the exit tests itself: drawn anew for every round, 128 and 256 random bits, held here alone, and good
 * for some seconds, from the addresses that this round asks and no other. Whoever learns one, a proxy that was broken into
 * among them, has nothing: the session leads to the self-test's target, and after the round the login is nobody's.
 */
export class SelfTestLogins {
  readonly #rounds = new Set<Round>();

  /** Begins a round whose services are asked at `addresses` (as text): who asks one's own address has it as source, too. */
  begin(addresses: Iterable<string>): { login: SelfTestLogin; end: () => void } {
    const login = {
      username: `self-test-${randomBytes(16).toString("hex")}`,
      password: randomBytes(32).toString("base64url"),
    };
    const round: Round = {
      digest: digestOf(login),
      addresses: new Set([...addresses].flatMap((address) => canonical(address) ?? [])),
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
      if (address === undefined || !round.addresses.has(address)) return undefined;
      const session = new LiveSession(() => round.sessions.delete(session));
      round.sessions.add(session);
      return session;
    }
    return undefined;
  }
}

const digestOf = ({ username, password }: SelfTestLogin): Uint8Array =>
  hash("sha256", `${username.length}\0${username}${password}`, "buffer");

function canonical(address: string): string | undefined {
  const ip = parseIp(address.split("%")[0]!);
  return ip && formatIp(unmap(ip));
}
