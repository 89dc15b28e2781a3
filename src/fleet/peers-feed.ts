import { hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import { BUCKET_COUNT, bucketOf, PackedTable } from "../link/packed-table.ts";
import type { Peer } from "../link/peers.ts";
import type { RosterPublisher } from "../link/publisher.ts";
import { HeardAccounts } from "./heard-accounts.ts";

/** What an account's devices are to the servers now: nothing where it is gone or has no access. */
interface AccountPeers {
  accountId: string;
  /** `server`: its name on the link. */
  peers: (Peer & { server: string })[];
}

type Heard = (accountId: string | "all") => void;

/** Where devices come from: `Devices`, seen from the fleet. */
export interface DeviceSource {
  /** This office's own changes, once they are committed. */
  onChange(callback: (accountId: string) => void): void;
  /** Whose devices some office has changed, this one included; "all": anybody's may have been. */
  onNews(heard: Heard): Promise<() => Promise<void>>;
  /** A page of all accounts with devices, in the order of their ids; empty after the last. */
  peersAfter(accountId: string): Promise<AccountPeers[]>;
  peersOf(accountIds: readonly string[]): Promise<AccountPeers[]>;
}

/** What happens to an account happens to its devices. */
export interface DeviceOwners {
  onChange(callback: (change: unknown, accountId: string) => void): void;
  onNews(heard: Heard): Promise<() => Promise<void>>;
  /** Accounts whose paid time ended after `fromS` and until `toS`, UTC seconds. */
  lapsed(fromS: number, toS: number): Promise<string[]>;
}

export interface PeersFeed {
  /** To be called with the names (on the link) of the fleet's servers whenever they may have changed. */
  serversChanged(names: readonly string[]): void;
  /** Takes peers out whose time is over (the exits refuse them anyway). Runs by itself each hour. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

const PRUNE_EVERY_MS = 3_600_000;
const ACCOUNT_BYTES = 8;
const SERVER_BYTES = 4;
const KEY_BYTES = 32;
const ROW_BYTES = ACCOUNT_BYTES + SERVER_BYTES + KEY_BYTES;

/**
 * Keeps each server's peers as the members' devices are: first all of them, then each change as it is committed, here or by another
 * office. Whatever is heard is read as it now is, one reading after the other. When it resolves the peers are complete and
 * the publisher may start. Throws StoreError.
 */
export async function feedPeers(options: {
  devices: DeviceSource;
  owners: DeviceOwners;
  publisher: Pick<RosterPublisher, "setPeer" | "removePeer">;
  clock: Clock;
}): Promise<PeersFeed> {
  const feed = new Feed(options);
  try {
    await feed.start();
  } catch (error) {
    await feed.close();
    throw error;
  }
  return feed;
}

class Feed implements PeersFeed {
  readonly #devices: DeviceSource;
  readonly #owners: DeviceOwners;
  readonly #publisher: Pick<RosterPublisher, "setPeer" | "removePeer">;
  readonly #clock: Clock;
  /**
   * What was fed of whom, so that what is no more can be taken out; 44 bytes a peer: 8 of SHA-256 of the account's id, the
   * server's number (below), the public key. An account's rows lie side by side.
   */
  readonly #fed = new PackedTable({ keyBytes: ROW_BYTES, rowBytes: ROW_BYTES });
  readonly #servers: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #heard = new HeardAccounts({ walk: () => this.#walk(), read: (ids) => this.#read(ids) });
  /** The servers' names, as they were last. */
  #fleet: string | undefined;
  #prunedUntilS: number;
  #timer: NodeJS.Timeout | undefined;
  #stops: (() => Promise<void>)[] = [];

  constructor(options: Parameters<typeof feedPeers>[0]) {
    this.#devices = options.devices;
    this.#owners = options.owners;
    this.#publisher = options.publisher;
    this.#clock = options.clock;
    this.#prunedUntilS = this.#nowS();
  }

  async start(): Promise<void> {
    this.#devices.onChange((id) => this.#heard.hear(id));
    this.#owners.onChange((_, id) => this.#heard.hear(id));
    // Before anything is read: what changes meanwhile is heard, and read once more.
    for (const source of [this.#devices, this.#owners])
      this.#stops.push(await source.onNews((id) => this.#heard.hear(id)));
    await this.#heard.begin();
    this.#timer = setInterval(() => void this.prune().catch(() => undefined), PRUNE_EVERY_MS);
    this.#timer.unref();
  }

  serversChanged(names: readonly string[]): void {
    const now = names.toSorted().join();
    if (this.#fleet !== undefined && this.#fleet !== now) this.#heard.hear("all");
    this.#fleet = now;
  }

  async prune(): Promise<void> {
    const toS = this.#nowS();
    for (const id of await this.#owners.lapsed(this.#prunedUntilS, toS)) this.#heard.hear(id);
    this.#prunedUntilS = toS;
    await this.#heard.idle();
  }

  async close(): Promise<void> {
    this.#heard.close();
    clearInterval(this.#timer);
    for (const stop of this.#stops) await stop();
    await this.#heard.idle();
  }

  /** Goes through all devices; what was heard meanwhile comes between two pages. */
  async #walk(): Promise<void> {
    const met = new PackedTable({ keyBytes: ACCOUNT_BYTES, rowBytes: ACCOUNT_BYTES });
    for (let after: string | undefined = ""; after !== undefined && !this.#heard.closed; ) {
      const page = await this.#devices.peersAfter(after);
      for (const account of page) {
        this.#apply(account);
        met.set(accountHash(account.accountId));
      }
      after = page.at(-1)?.accountId;
      for (const id of await this.#heard.readSome()) met.set(accountHash(id));
      await nextTurn();
    }
    for (let bucket = 0; bucket < BUCKET_COUNT && !this.#heard.closed; bucket++) {
      for (const row of rowsOf(this.#fed, bucket))
        if (met.get(row.subarray(0, ACCOUNT_BYTES)) === undefined) this.#remove(row);
      if (bucket % 256 === 0) await nextTurn();
    }
  }

  async #read(ids: string[]): Promise<void> {
    for (const account of await this.#devices.peersOf(ids)) this.#apply(account);
  }

  /** An account's peers are now these and no others. The same once more changes nothing. */
  #apply({ accountId, peers }: AccountPeers): void {
    const account = accountHash(accountId);
    const now = new Map(peers.map((peer) => [this.#rowOf(account, peer), peer]));
    const kept = new Set([...now.keys()].map(hex));
    for (const row of rowsOf(this.#fed, bucketOf(account), account))
      if (!kept.has(hex(row))) this.#remove(row);
    for (const [row, { server, publicKey, index, until, owner }] of now) {
      this.#publisher.setPeer(server, { publicKey, index, until, owner });
      this.#fed.set(row);
    }
  }

  #remove(row: Uint8Array): void {
    const number = new DataView(row.buffer, row.byteOffset).getUint32(ACCOUNT_BYTES);
    this.#publisher.removePeer(this.#servers[number]!, row.slice(ACCOUNT_BYTES + SERVER_BYTES));
    this.#fed.delete(row);
  }

  #rowOf(account: Uint8Array, { server, publicKey }: AccountPeers["peers"][number]): Uint8Array {
    let number = this.#numbers.get(server);
    if (number === undefined) {
      number = this.#servers.push(server) - 1;
      this.#numbers.set(server, number);
    }
    const row = new Uint8Array(ROW_BYTES);
    row.set(account);
    new DataView(row.buffer).setUint32(ACCOUNT_BYTES, number);
    row.set(publicKey, ACCOUNT_BYTES + SERVER_BYTES);
    return row;
  }

  #nowS = (): number => Math.floor(this.#clock.now() / 1000);
}

/** (Two accounts with the same 8 bytes: once in 10^7 services of a million accounts.) */
const accountHash = (id: string): Uint8Array => hash("sha256", id, "buffer").subarray(0, ACCOUNT_BYTES);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Copies of a bucket's rows (what is taken out moves those behind it), all or those that begin so. */
function rowsOf(table: PackedTable, bucket: number, begin: Uint8Array = new Uint8Array(0)): Uint8Array[] {
  const bytes = table.bucket(bucket);
  const rows: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += ROW_BYTES)
    if (begin.every((byte, i) => bytes[at + i] === byte)) rows.push(bytes.slice(at, at + ROW_BYTES));
  return rows;
}
