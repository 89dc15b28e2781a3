import { hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import { credentialKey, credentialUsername } from "../link/credentials.ts";
import { BUCKET_COUNT, PackedTable } from "../link/packed-table.ts";
import type { RosterPublisher } from "../link/publisher.ts";
import { HeardAccounts } from "./heard-accounts.ts";

/** A member's credential as whoever keeps the accounts gives it. */
interface MemberCredential {
  vpnUsername: string;
  /** SHA-256 of the VPN password, 32 bytes. */
  passwordDigest: Uint8Array;
  /** UTC minutes since 1970. */
  untilMinutes: number;
  /** Gives the VPN password's NT hash, 16 bytes. */
  ntHash?: () => Uint8Array;
}

type MemberChange = ({ kind: "credential" } & MemberCredential) | { kind: "gone" };

/** One account and what the roster carries of it now; nothing where it has no access. */
interface Member {
  id: string;
  credential: MemberCredential | undefined;
}

/** Where credentials come from: `Accounts.roster`, seen from the fleet. */
export interface Members {
  /** This office's own changes, in the order in which they were committed. */
  onChange(callback: (change: MemberChange, id: string) => void): void;
  /** Which account some office has changed, this one included; "all": any may have been. */
  onNews(heard: (id: string | "all") => void): Promise<() => Promise<void>>;
  /** A page of all accounts in the order of their ids; empty after the last. */
  credentialsAfter(id: string): Promise<Member[]>;
  credentialsOf(ids: readonly string[]): Promise<Member[]>;
  /** Accounts whose paid time ended after `fromS` and until `toS`, UTC seconds. */
  lapsed(fromS: number, toS: number): Promise<string[]>;
  /** Runs it while this office changes no account. */
  whileUnchanged<Value>(work: () => Promise<Value>): Promise<Value>;
}

type Publisher = Pick<RosterPublisher, "setCredential" | "removeCredential">;

export interface RosterFeed {
  /** Gives the publisher every account once more: it keeps more of each than before. */
  readAgain(): void;
  /** Takes rows out of the roster whose time is over (the exits refuse them anyway). Runs by itself each hour. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

const PRUNE_EVERY_MS = 3_600_000;
const ID_HASH_BYTES = 8;
const ROSTER_KEY_BYTES = 8;

/**
 * Keeps the roster as the accounts say: first the whole of it, then each change as it is committed, here or by another office.
 * When it resolves the roster is complete and the publisher may start. Throws StoreError.
 */
export async function feedRoster(options: {
  members: Members;
  publisher: Publisher;
  clock: Clock;
}): Promise<RosterFeed> {
  const feed = new Feed(options);
  try {
    await feed.start();
  } catch (error) {
    await feed.close();
    throw error;
  }
  return feed;
}

class Feed implements RosterFeed {
  readonly #members: Members;
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  /**
   * Whose row is whose, 16 bytes an account: 8 of SHA-256 of its id, then the row's key. What another office has changed is read
   * as it now is, and its former credential, which nobody can say any more, goes by this. (Two accounts with the same 8
   * bytes: once in 10^7 services of a million accounts.)
   */
  readonly #rowOf = newTable();
  /** The same of those met by the walk that goes on. */
  #met: PackedTable | undefined;
  readonly #heard = new HeardAccounts({ walk: () => this.#walk(), read: (ids) => this.#read(ids) });
  #prunedUntilS: number;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: () => Promise<void> = async () => undefined;

  constructor(options: { members: Members; publisher: Publisher; clock: Clock }) {
    this.#members = options.members;
    this.#publisher = options.publisher;
    this.#clock = options.clock;
    this.#prunedUntilS = this.#nowS();
  }

  async start(): Promise<void> {
    this.#members.onChange((change, id) => {
      if (!this.#heard.closed) this.#apply(id, change.kind === "gone" ? undefined : change);
    });
    // Before anything is read: what changes meanwhile is heard, and read once more.
    this.#stopListening = await this.#members.onNews((id) => this.#heard.hear(id));
    await this.#heard.begin();
    // Where the store cannot be read now, the same stretch is asked for again in an hour.
    this.#timer = setInterval(() => void this.prune().catch(() => undefined), PRUNE_EVERY_MS);
    this.#timer.unref();
  }

  readAgain(): void {
    this.#heard.hear("all");
  }

  prune(): Promise<void> {
    // While no account changes: one that is extended right now must not be taken out after it came in.
    return this.#members.whileUnchanged(async () => {
      const toS = this.#nowS();
      for (const id of await this.#members.lapsed(this.#prunedUntilS, toS)) this.#apply(id, undefined);
      this.#prunedUntilS = toS;
    });
  }

  async close(): Promise<void> {
    this.#heard.close();
    clearInterval(this.#timer);
    await this.#stopListening();
    await this.#heard.idle();
  }

  /**
   * Goes through all accounts and sets right what differs; what was heard meanwhile comes between two pages, so that nobody's
   * cut-off waits for a million others. Nothing else is sent to the exits than what has changed.
   */
  async #walk(): Promise<void> {
    const met = newTable();
    this.#met = met;
    try {
      for (let after: string | undefined = ""; after !== undefined && !this.#heard.closed; ) {
        after = await this.#members.whileUnchanged(() => this.#walkPage(after!));
        await this.#heard.readSome();
        await nextTurn();
      }
      for (let bucket = 0; bucket < BUCKET_COUNT && !this.#heard.closed; bucket++) {
        for (const row of rowsOf(this.#rowOf, bucket)) if (met.get(row) === undefined) this.#remove(row);
        if (bucket % 64 === 0) await nextTurn();
      }
    } finally {
      this.#met = undefined;
    }
  }

  /** Returns where the next page begins; undefined after the last. */
  async #walkPage(after: string): Promise<string | undefined> {
    const page = await this.#members.credentialsAfter(after);
    for (const { id, credential } of page) this.#apply(id, credential);
    return page.at(-1)?.id;
  }

  #read(ids: string[]): Promise<void> {
    return this.#members.whileUnchanged(async () => {
      const found = new Map<string, MemberCredential | undefined>();
      for (const { id, credential } of await this.#members.credentialsOf(ids)) found.set(id, credential);
      for (const id of ids) this.#apply(id, found.get(id));
    });
  }

  /** An account's credential is now this one, or there is none. The same once more changes nothing. */
  #apply(id: string, credential: MemberCredential | undefined): void {
    const idHash = hash("sha256", id, "buffer").subarray(0, ID_HASH_BYTES);
    const former = this.#rowOf.get(idHash);
    const key = credential && credentialKey(credential.vpnUsername);
    if (former !== undefined && (key === undefined || !keyOf(former).equals(key))) this.#remove(former);
    if (credential === undefined || key === undefined) return;
    const { vpnUsername, passwordDigest, untilMinutes, ntHash } = credential;
    this.#publisher.setCredential(vpnUsername, passwordDigest, untilMinutes, ntHash);
    const row = Buffer.concat([idHash, key]);
    this.#rowOf.set(row);
    this.#met?.set(row);
  }

  #remove(row: Uint8Array): void {
    this.#publisher.removeCredential(credentialUsername(keyOf(row)));
    const idHash = row.subarray(0, ID_HASH_BYTES);
    this.#rowOf.delete(idHash);
    this.#met?.delete(idHash);
  }

  #nowS = (): number => Math.floor(this.#clock.now() / 1000);
}

const newTable = (): PackedTable =>
  new PackedTable({ keyBytes: ID_HASH_BYTES, rowBytes: ID_HASH_BYTES + ROSTER_KEY_BYTES });

const keyOf = (row: Uint8Array): Buffer => Buffer.from(row.subarray(ID_HASH_BYTES));

/** Copies: what is taken out moves those behind it. */
function rowsOf(table: PackedTable, bucket: number): Uint8Array[] {
  const bytes = table.bucket(bucket);
  return Array.from({ length: bytes.length / table.rowBytes }, (_, n) =>
    bytes.slice(n * table.rowBytes, (n + 1) * table.rowBytes),
  );
}
