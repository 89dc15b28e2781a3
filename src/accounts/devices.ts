import { randomBytes, randomInt } from "node:crypto";
import type { Kysely, Selectable, Transaction } from "kysely";
import { base32 } from "../lib/base32.ts";
import { DEVICE_INDEX_MOST } from "../lib/device-addresses.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Store } from "../store/open.ts";
import type { DeviceRow, Tables } from "../store/tables.ts";
import type { Accounts } from "./accounts.ts";
import { acceptDeviceName, acceptPublicKey } from "./device-rules.ts";

export const DEVICES_MOST = 10;
/** With 2 million numbers, so many draws that are all taken mean that nearly all are. */
const DRAWS_MOST = 100;
const READ_ROWS = 500;

/** A member's WireGuard device. */
export interface Device {
  id: string;
  /** Base64, as in wg(8). */
  publicKey: string;
  /** 1 to DEVICE_INDEX_MOST (lib/device-addresses.ts). */
  index: number;
  name: string | undefined;
  /** The servers that it may be online on, by name. */
  servers: string[];
}

/** What one server has to know of one device. */
export interface DevicePeer {
  /** The server's name on the link. */
  server: string;
  /** 32 bytes. */
  publicKey: Uint8Array;
  index: number;
  /** UTC minutes since 1970. */
  until: number;
  /** The VPN username of the account. */
  owner: string;
}

export interface AccountPeers {
  accountId: string;
  /** Empty where the account is gone, has no access, or no device on any server. */
  peers: DevicePeer[];
}

export type AddDeviceError =
  | "key-invalid"
  | "key-taken"
  | "device-name-invalid"
  | "too-many-devices"
  | "addresses-exhausted"
  | "account-unknown";

/**
 * The members' WireGuard devices: a public key, a number for its addresses, and the servers it is enabled on. They go with their
 * account. A device never says when or whether it was used.
 */
export class Devices {
  readonly #store: Store;
  readonly #accounts: Accounts;
  readonly #most: number;
  readonly #drawIndex: () => number;
  readonly #listeners: ((accountId: string) => void)[] = [];

  /** `most`: devices of one account. `drawIndex`: for tests. */
  constructor(options: { store: Store; accounts: Accounts; most?: number; drawIndex?: () => number }) {
    this.#store = options.store;
    this.#accounts = options.accounts;
    this.#most = options.most ?? DEVICES_MOST;
    this.#drawIndex = options.drawIndex ?? (() => randomInt(1, DEVICE_INDEX_MOST + 1));
  }

  /** How many devices one account may have. */
  get most(): number {
    return this.#most;
  }

  /**
   * Called with the account whose devices this office has changed, once that is committed. What happens to the account itself (paid,
   * renewed, cut off, gone) is `Accounts.roster`'s and changes its peers as well.
   */
  onChange(callback: (accountId: string) => void): void {
    this.#listeners.push(callback);
  }

  /** The same of any office on this database, this one included; "all" where some may have been missed. Throws StoreError. */
  onNews(heard: (accountId: string | "all") => void): Promise<() => Promise<void>> {
    return this.#store.news.listen("device_changes", heard);
  }

  /**
   * Adds a device, enabled nowhere yet. The same key once more (a form sent twice) gives the device that the account has already.
   * A key of another account is `key-taken`, whoever's it is.
   */
  async add(
    accountId: string,
    input: { publicKey: string; name?: string | undefined },
  ): Promise<Result<Device, AddDeviceError>> {
    const key = acceptPublicKey(input.publicKey);
    if (!key.ok) return key;
    const name = acceptDeviceName(input.name);
    if (!name.ok) return name;
    return this.#transact<Device, AddDeviceError>(accountId, async (trx) => {
      const known = await deviceWith(trx, { public_key: key.value });
      if (known !== undefined)
        return known.account_id === accountId ? ok(await viewOf(trx, known)) : fail("key-taken");
      const account = await trx
        .selectFrom("accounts")
        .select("id")
        .where("id", "=", accountId)
        .executeTakeFirst();
      if (account === undefined) return fail("account-unknown");
      if ((await this.countOf(accountId, trx)) >= this.#most) return fail("too-many-devices");
      for (let draw = 0; draw < DRAWS_MOST; draw++) {
        const row = {
          id: base32(randomBytes(16)),
          account_id: accountId,
          public_key: key.value,
          // At random: in order it would tell how many joined, and in which order.
          address_index: this.#drawIndex(),
          name: name.value ?? null,
        };
        const { numInsertedOrUpdatedRows = 0n } = await trx
          .insertInto("devices")
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows === 1n) return ok(await viewOf(trx, row));
      }
      return fail("addresses-exhausted");
    });
  }

  /** An account's devices, by name and then by key. */
  async list(accountId: string): Promise<Device[]> {
    const { db } = this.#store;
    const rows = await db.selectFrom("devices").selectAll().where("account_id", "=", accountId).execute();
    const devices = await Promise.all(rows.map((row) => viewOf(db, row)));
    const order = (device: Device) => `${device.name ?? "\u{10ffff}"} ${device.publicKey}`;
    return devices.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  }

  /** One of the account's own devices; nothing where it has none with this id. */
  async of(accountId: string, deviceId: string): Promise<Device | undefined> {
    const row = await deviceWith(this.#store.db, { id: deviceId, account_id: accountId });
    return row && viewOf(this.#store.db, row);
  }

  /** Whose device has this public key, for somebody who was told the key; nothing where nobody's has. */
  async withKey(publicKey: string): Promise<{ accountId: string; device: Device } | undefined> {
    const key = acceptPublicKey(publicKey);
    const row = key.ok ? await deviceWith(this.#store.db, { public_key: key.value }) : undefined;
    return row && { accountId: row.account_id, device: await viewOf(this.#store.db, row) };
  }

  /** Lets the device online on a server (by name). */
  enable(
    accountId: string,
    deviceId: string,
    server: string,
  ): Promise<Result<Device, "device-unknown" | "server-unknown">> {
    return this.#transact(accountId, async (trx) => {
      const row = await deviceWith(trx, { id: deviceId, account_id: accountId });
      if (row === undefined) return fail("device-unknown");
      const known = await trx
        .selectFrom("servers")
        .select("name")
        .where("name", "=", server)
        .executeTakeFirst();
      if (known === undefined) return fail("server-unknown");
      await trx
        .insertInto("device_servers")
        .values({ device_id: deviceId, server })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return ok(await viewOf(trx, row));
    });
  }

  /** Forgets the device; it is cut off everywhere. */
  async remove(accountId: string, deviceId: string): Promise<Result<void, "device-unknown">> {
    const outcome = await this.#transact<void, "device-unknown">(accountId, async (trx) => {
      const { numDeletedRows } = await trx
        .deleteFrom("devices")
        .where("id", "=", deviceId)
        .where("account_id", "=", accountId)
        .executeTakeFirst();
      return numDeletedRows === 1n ? ok(undefined) : fail("device-unknown");
    });
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /** How many an account has: what the operator may know. */
  async countOf(accountId: string, db: Kysely<Tables> = this.#store.db): Promise<number> {
    const { count } = await db
      .selectFrom("devices")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("account_id", "=", accountId)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /**
   * A page of all accounts that have devices, by id, each with what the servers have to know now; empty after the last.
   */
  async peersAfter(accountId: string): Promise<AccountPeers[]> {
    const rows = await this.#store.db
      .selectFrom("devices")
      .select("account_id")
      .distinct()
      .where("account_id", ">", accountId)
      .orderBy("account_id")
      .limit(READ_ROWS)
      .execute();
    return this.peersOf(rows.map((row) => row.account_id));
  }

  /** The same of these accounts, in their order; one that is gone has none. At most a page's number. */
  async peersOf(accountIds: readonly string[]): Promise<AccountPeers[]> {
    if (accountIds.length === 0) return [];
    const rows = await this.#store.db
      .selectFrom("devices")
      .innerJoin("device_servers", "device_servers.device_id", "devices.id")
      .innerJoin("servers", "servers.name", "device_servers.server")
      .select(["devices.account_id", "devices.public_key", "devices.address_index", "servers.link_name"])
      .where("devices.account_id", "in", accountIds)
      .execute();
    const credentials = await this.#accounts.roster.credentialsOf(accountIds);
    return accountIds.map((accountId) => {
      const access = credentials.find(({ id }) => id === accountId)?.credential;
      if (access === undefined) return { accountId, peers: [] };
      const own = rows.filter((row) => row.account_id === accountId);
      return {
        accountId,
        peers: own.map((row) => ({
          server: row.link_name,
          publicKey: new Uint8Array(Buffer.from(row.public_key, "base64")),
          index: row.address_index,
          until: access.untilMinutes,
          owner: access.vpnUsername,
        })),
      };
    });
  }

  /** One transaction among the accounts' own, followed by what it has to tell. */
  async #transact<Value, Code extends string>(
    accountId: string,
    work: (trx: Transaction<Tables>) => Promise<Result<Value, Code>>,
  ): Promise<Result<Value, Code>> {
    const outcome = await this.#accounts.transact<Value, Code>(async (trx) => {
      const result = await work(trx);
      if (result.ok) await this.#store.news.tell(trx, "device_changes", [accountId]);
      return result;
    });
    if (outcome.ok) for (const listener of this.#listeners) listener(accountId);
    return outcome;
  }
}

const deviceWith = (
  db: Kysely<Tables>,
  where: Partial<Pick<DeviceRow, "id" | "account_id" | "public_key">>,
): Promise<Selectable<DeviceRow> | undefined> =>
  db
    .selectFrom("devices")
    .selectAll()
    .where((expression) => expression.and(where))
    .executeTakeFirst();

async function viewOf(db: Kysely<Tables>, row: Selectable<DeviceRow>): Promise<Device> {
  const servers = await db
    .selectFrom("device_servers")
    .select("server")
    .where("device_id", "=", row.id)
    .orderBy("server")
    .execute();
  return {
    id: row.id,
    publicKey: row.public_key,
    index: row.address_index,
    name: row.name ?? undefined,
    servers: servers.map(({ server }) => server),
  };
}
