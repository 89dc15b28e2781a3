import { hash, randomBytes } from "node:crypto";
import { isProxyService } from "../link/services.ts";
import type { LoginAttempt, Session } from "./authorise.ts";
import { LiveSession } from "./live-session.ts";
import { LiveList } from "./proxy/live-list.ts";

/**
 * For so many looks (twice a second) a proxy admits without asking: should the keeper hang, so that no cut comes through,
 * new logins stop after ten seconds as they would without leases.
 */
const GOOD_FOR_LOOKS = 20;

/** What the keeper is told of slots that are given back: some of a lease, or all, which ends it. */
export interface LeaseReturns {
  giveBack(id: number, slots: number): void;
  close(id: number): void;
}

/** Slots that the keeper has lent under one login's id. It counts all of them as used. */
interface Lease {
  id: number;
  slots: number;
  free: number;
  /** The fewest that were free since the last look: so many were not needed. */
  spare: number;
  sessions: LiveList<LiveSession>;
  holding: Holding;
}

/** The leases by which one login, right as it was given, is admitted from one address. */
interface Holding {
  tag: string;
  leases: Lease[];
  looksLeft: number;
  /** False: nobody is admitted by it any more, and what becomes free goes back at once. */
  open: boolean;
}

/** A proxy's leases: admits by itself whom the keeper has admitted a moment ago, and no other. */
export class Leases {
  #key = randomBytes(32).toString("hex");
  #holdings = new Map<string, Holding>();
  #leases = new Map<number, Lease>();
  #returns: LeaseReturns;

  constructor(returns: LeaseReturns) {
    this.#returns = returns;
  }

  /** Slots held, used or not. */
  get slots(): number {
    let slots = 0;
    for (const lease of this.#leases.values()) slots += lease.slots;
    return slots;
  }

  /**
   * A session by a lease: for the same username and password from the same address, where a slot is free. Whatever else is
   * the keeper's to decide: from another address guessing at the name may be being slowed.
   */
  take(attempt: LoginAttempt): Session | undefined {
    if (this.#holdings.size === 0 || !isProxyService(attempt.service)) return undefined;
    const lease = this.#holdings.get(this.#tag(attempt))?.leases.find(({ free }) => free > 0);
    return lease && this.#use(lease);
  }

  /** The keeper has admitted `attempt` and lent `slots` with it, the first of which is the attempt's own. */
  add(id: number, slots: number, attempt: LoginAttempt): Session {
    const tag = this.#tag(attempt);
    const holding = this.#holdings.get(tag) ?? { tag, leases: [], looksLeft: GOOD_FOR_LOOKS, open: true };
    this.#holdings.set(tag, holding);
    const lease: Lease = { id, slots, free: slots, spare: slots, sessions: new LiveList(), holding };
    holding.leases.push(lease);
    this.#leases.set(id, lease);
    return this.#use(lease);
  }

  /** The keeper wants to be asked again: the sessions stay, the free slots go back. */
  recall(id: number): void {
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.#retire(lease.holding);
  }

  /** Ends the lease and its sessions, and nobody is admitted any more by what was lent beside it. */
  cut(id: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#forget(lease);
    this.#retire(lease.holding);
    for (const session of lease.sessions.filter(() => true)) session.cut();
  }

  /** The keeper is lost. */
  cutAll(): void {
    for (const id of [...this.#leases.keys()]) this.cut(id);
  }

  /** To be called twice a second: gives back what was not needed since the last time. */
  look(): void {
    for (const holding of [...this.#holdings.values()]) {
      holding.looksLeft -= 1;
      if (holding.looksLeft <= 0) {
        this.#retire(holding);
        continue;
      }
      for (const lease of [...holding.leases]) {
        this.#giveBack(lease, lease.spare);
        lease.spare = lease.free;
      }
    }
  }

  /**
   * One SHA-256 over the whole login, under a key that dies with the process: neither name, password nor address is kept, and
   * as nobody can tell what a guess makes of the tag, the time that looking it up takes says nothing of the right one.
   * The key goes first and the digest stays inside: nobody can lengthen what was hashed.
   */
  #tag({ address, username, password }: LoginAttempt): string {
    const text = `${this.#key}${address}\0${username.length}\0${username}${password}`;
    return hash("sha256", text, "base64");
  }

  #use(lease: Lease): Session {
    lease.free -= 1;
    if (lease.free < lease.spare) lease.spare = lease.free;
    const session = new LiveSession(() => {
      lease.sessions.delete(place);
      lease.free += 1;
      if (!lease.holding.open) this.#giveBack(lease, lease.free);
    });
    const place = lease.sessions.add(session);
    return session;
  }

  #retire(holding: Holding): void {
    holding.open = false;
    if (this.#holdings.get(holding.tag) === holding) this.#holdings.delete(holding.tag);
    for (const lease of [...holding.leases]) this.#giveBack(lease, lease.free);
  }

  #giveBack(lease: Lease, slots: number): void {
    if (slots === 0 || !this.#leases.has(lease.id)) return;
    lease.slots -= slots;
    lease.free -= slots;
    if (lease.slots > 0) {
      this.#returns.giveBack(lease.id, slots);
      return;
    }
    this.#forget(lease);
    this.#returns.close(lease.id);
  }

  #forget(lease: Lease): void {
    const { holding } = lease;
    this.#leases.delete(lease.id);
    holding.leases = holding.leases.filter((other) => other !== lease);
    if (holding.leases.length > 0) return;
    holding.open = false;
    if (this.#holdings.get(holding.tag) === holding) this.#holdings.delete(holding.tag);
  }
}
