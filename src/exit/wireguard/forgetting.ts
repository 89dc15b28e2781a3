/** A WireGuard session is over so long after its handshake (REJECT_AFTER_TIME of the WireGuard paper, section 6.2). */
const SESSION_MS = 180_000;

interface Known {
  /** The engine's word for its last handshake, by the machine's clock: only ever compared for being another one. */
  handshake: number;
  /** Monotonic: when that handshake was (not earlier), or since when a peer without one has been heard. */
  sinceMs: number;
}

/** What the engine says of its peers at one moment. */
export interface PeerReading {
  /** Public key → seconds since 1970; 0: none completed. */
  handshakes: ReadonlyMap<string, number>;
  /** Peers that anything has come from. */
  heard: ReadonlySet<string>;
}

/**
 * Which peers are online, and whose address the engine must forget: 180 s after the last handshake, or after the first word
 * of one that completed none. Counted on the monotonic clock from the moment a handshake is first seen, so that nobody who
 * sets the machine's clock makes it forget too early or never. Only for what was there before this process the handshake's own
 * time counts, and where that lies in the future, the moment it is seen.
 */
export class Forgetting {
  readonly #known = new Map<string, Known>();
  #first = true;

  /**
   * To be called every few seconds: what it gives under `forget` is to be removed and added again. Who is `online` comes by
   * handshake, the oldest first: of two that came between the same two looks the limit of sessions is for the later one.
   */
  look(reading: PeerReading, monotonicMs: number, wallMs: number): { online: string[]; forget: string[] } {
    const online: string[] = [];
    const forget: string[] = [];
    for (const [key, handshake] of reading.handshakes) {
      if (handshake === 0 && !reading.heard.has(key)) {
        this.#known.delete(key);
        continue;
      }
      let known = this.#known.get(key);
      if (known === undefined || known.handshake !== handshake) {
        const agoMs = this.#first && handshake > 0 ? Math.max(0, wallMs - handshake * 1000) : 0;
        known = { handshake, sinceMs: monotonicMs - agoMs };
        this.#known.set(key, known);
      }
      if (monotonicMs - known.sinceMs >= SESSION_MS) {
        forget.push(key);
        this.#known.delete(key);
      } else if (handshake > 0) online.push(key);
    }
    for (const key of this.#known.keys()) if (!reading.handshakes.has(key)) this.#known.delete(key);
    this.#first = false;
    const handshakeOf = (key: string): number => reading.handshakes.get(key) ?? 0;
    return { online: online.sort((one, other) => handshakeOf(one) - handshakeOf(other)), forget };
  }

  /** The engine has been started anew and remembers nobody. */
  reset(): void {
    this.#known.clear();
    this.#first = false;
  }
}
