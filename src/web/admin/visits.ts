import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";

/** How long a one-time link is good. */
export const LINK_MINUTES = 5;
/** A visit ends so long after it began, and so long after its last page. */
export const VISIT_HOURS = 8;
const IDLE_MINUTES = 60;
/** Of each at one time; the oldest gives way. */
const LINKS_MOST = 16;
const VISITS_MOST = 32;

/** Somebody who came in with a link. */
export interface Visit {
  /** Stands in every form of this visit. */
  formToken: string;
}

interface OpenVisit extends Visit {
  endsMs: number;
  seenMs: number;
}

/**
 * Who may see the admin pages: links that are good once, and visits begun with one. Both are in memory alone, as hashes, so that a
 * restart ends them all and no copy of the machine's disk lets anybody in. Nothing here knows members or their sessions.
 */
export class Visits {
  readonly #clock: Clock;
  /** SHA-256 of the code → when it ends (monotonic milliseconds). */
  readonly #links = new Map<string, number>();
  /** SHA-256 of the cookie's text → the visit. */
  readonly #visits = new Map<string, OpenVisit>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new code of 256 random bits, good once. */
  invite(): string {
    const code = randomBytes(32).toString("base64url");
    this.#links.set(hashOf(code), this.#clock.monotonic() + LINK_MINUTES * 60_000);
    dropOldest(this.#links, LINKS_MOST);
    return code;
  }

  /** Uses a code up: the text of the visit's cookie, or nothing where the code is not good (any more). */
  enter(code: string): string | undefined {
    const hash = hashOf(code.trim());
    const endsMs = this.#links.get(hash);
    this.#links.delete(hash);
    const nowMs = this.#clock.monotonic();
    if (endsMs === undefined || endsMs <= nowMs) return undefined;
    const text = randomBytes(32).toString("base64url");
    this.#visits.set(hashOf(text), {
      formToken: randomBytes(16).toString("base64url"),
      endsMs: nowMs + VISIT_HOURS * 3_600_000,
      seenMs: nowMs,
    });
    dropOldest(this.#visits, VISITS_MOST);
    return text;
  }

  /** The visit of a cookie, which goes on by that. */
  of(text: string | undefined): Visit | undefined {
    this.#sweep();
    const visit = text === undefined ? undefined : this.#visits.get(hashOf(text));
    if (visit !== undefined) visit.seenMs = this.#clock.monotonic();
    return visit;
  }

  leave(text: string | undefined): void {
    if (text !== undefined) this.#visits.delete(hashOf(text));
  }

  /** Ends all visits and links; how many visits that were. */
  endAll(): number {
    this.#sweep();
    const { size } = this.#visits;
    this.#visits.clear();
    this.#links.clear();
    return size;
  }

  /** Whether anybody is in, or may still come in. */
  get open(): boolean {
    this.#sweep();
    return this.#visits.size + this.#links.size > 0;
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonic();
    for (const [hash, endsMs] of this.#links) if (endsMs <= nowMs) this.#links.delete(hash);
    for (const [hash, { endsMs, seenMs }] of this.#visits)
      if (Math.min(endsMs, seenMs + IDLE_MINUTES * 60_000) <= nowMs) this.#visits.delete(hash);
  }
}

// Looked up by its hash: how long that takes tells nothing of the text.
const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
