/** A first roster of a million accounts and a new release together are some two hundred requests. */
const BURST = 500;
const A_SECOND = 50;

/** How much each server may ask: one that somebody has taken over must not keep the office from serving the others. */
export class RequestBudget {
  readonly #monotonicMs: () => number;
  readonly #left = new Map<string, { tokens: number; atMs: number }>();

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /**
   * False where the server has to wait. `cost`: what the request stands for, in ordinary ones. `server` is one that nats-server
   * let in, so that the map stays as small as the fleet.
   */
  take(server: string, cost = 1): boolean {
    const now = this.#monotonicMs();
    const { tokens, atMs } = this.#left.get(server) ?? { tokens: BURST, atMs: now };
    const left = Math.min(BURST, tokens + ((now - atMs) / 1000) * A_SECOND);
    this.#left.set(server, { tokens: left < cost ? left : left - cost, atMs: now });
    return left >= cost;
  }
}
