import { type CheckSeen } from "./messages.ts";
import { newCheckToken } from "./tokens.ts";

/** A page is looked at for so long. */
const KEPT_MS = 120_000;
const TOKENS_MOST = 5000;
/** A large resolver asks from many addresses. */
const ADDRESSES_MOST = 20;

interface Sighting {
  untilMs: number;
  addresses: Set<string>;
}

/** Which resolvers have asked for the names that pages were given. In memory for two minutes; no page says whose it was. */
export class CheckSightings {
  readonly #key: Uint8Array;
  readonly #monotonicMs: () => number;
  /** In the order in which they end. */
  readonly #open = new Map<string, Sighting>();

  constructor(key: Uint8Array, monotonicMs: () => number = () => performance.now()) {
    this.#key = key;
    this.#monotonicMs = monotonicMs;
  }

  /** A token for one page. */
  issue(): string {
    this.#forget();
    const token = newCheckToken(this.#key);
    this.#open.set(token, { untilMs: this.#monotonicMs() + KEPT_MS, addresses: new Set() });
    return token;
  }

  note({ token, address }: Omit<CheckSeen, "type">): void {
    this.#forget();
    const sighting = this.#open.get(token);
    if (sighting === undefined || sighting.addresses.size >= ADDRESSES_MOST) return;
    sighting.addresses.add(address.replace(/^::ffff:(?=\d+\.)/i, ""));
  }

  /** The addresses of those that asked for it so far; undefined where the token is no page's any more. */
  seen(token: string): string[] | undefined {
    this.#forget();
    const sighting = this.#open.get(token);
    return sighting && [...sighting.addresses];
  }

  #forget(): void {
    const now = this.#monotonicMs();
    for (const [token, { untilMs }] of this.#open) {
      if (untilMs > now && this.#open.size < TOKENS_MOST) return;
      this.#open.delete(token);
    }
  }
}
