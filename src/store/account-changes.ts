import { sql, type Transaction } from "kysely";
import { Client } from "pg";
import { clientConfig } from "./postgres.ts";
import type { PostgresAddress } from "./postgres-url.ts";
import type { Tables } from "./tables.ts";

/**
 * How the offices on one database tell each other that accounts have changed. Only the account's random id travels (it passes
 * through a file of the server's); whoever hears it reads what the account now is, so that order and repetition do not
 * matter. One's own changes are heard too.
 */
export interface AccountChanges {
  /** To be called inside the transaction that changes them: it is sent when that is committed, and only then. */
  tell(trx: Transaction<Tables>, accountIds: readonly string[]): Promise<void>;
  /**
   * Calls back with each id from now on; with "all" where some may have been missed (the connection broke, and stands again).
   * Resolves when it listens. Returns how to end it.
   */
  listen(heard: (accountId: string | "all") => void): Promise<() => Promise<void>>;
}

const CHANNEL = "account_changes";
const RETRY_MS = 500;

/** An SQLite file has one office. */
export const nobodyElse: AccountChanges = {
  tell: async () => undefined,
  listen: async () => async () => undefined,
};

export function postgresChanges(address: PostgresAddress): AccountChanges {
  return {
    async tell(trx, accountIds) {
      if (accountIds.length === 0) return;
      await sql`select pg_notify(${CHANNEL}, id) from unnest(${[...accountIds]}::text[]) as changed (id)`.execute(
        trx,
      );
    },
    async listen(heard) {
      const listener = new Listener(address, heard);
      await listener.start();
      return () => listener.close();
    },
  };
}

/** A connection of its own that listens, made anew where it breaks. */
class Listener {
  readonly #address: PostgresAddress;
  readonly #heard: (accountId: string | "all") => void;
  #client: Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(address: PostgresAddress, heard: (accountId: string | "all") => void) {
    this.#address = address;
    this.#heard = heard;
  }

  /** Rejects with pg's error where the first connection cannot be made. */
  async start(): Promise<void> {
    const client = new Client(clientConfig(this.#address));
    this.#client = client;
    client.on("notification", ({ payload }) => this.#heard(payload ?? "all"));
    // Comes without "end" where a connection never stood.
    client.on("error", () => undefined);
    client.once("end", () => this.#again(client));
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#client?.end().catch(() => undefined);
  }

  #again(client: Client): void {
    if (this.#closed || client !== this.#client) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.start().then(
        () => this.#heard("all"),
        () => this.#client !== undefined && this.#again(this.#client),
      );
    }, RETRY_MS);
    this.#retry.unref();
  }
}
