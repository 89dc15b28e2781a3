import { sql, type Transaction } from "kysely";
import { Client } from "pg";
import { clientConfig } from "./postgres.ts";
import { toPostgresStoreError } from "./postgres-errors.ts";
import type { PostgresAddress } from "./postgres-url.ts";
import type { Tables } from "./tables.ts";

/** What news can be of; each topic is a PostgreSQL channel of that name. */
export type Topic = "account_changes" | "device_changes" | "server_changes";

/**
 * How the offices on one database tell each other that something has changed. Only what names it travels (an account's random id,
 * a server's name: it passes through a file of the database server's); whoever hears it reads what it now is, so that order
 * and repetition do not matter. One's own news are heard too.
 */
export interface News {
  /** To be called inside the transaction that changes them: it is sent when that is committed, and only then. */
  tell(trx: Transaction<Tables>, topic: Topic, names: readonly string[]): Promise<void>;
  /**
   * Calls back with each name from now on; with "all" where some may have been missed (the connection broke, and stands again).
   * Resolves when it listens. Returns how to end it. Throws StoreError.
   */
  listen(topic: Topic, heard: (name: string | "all") => void): Promise<() => Promise<void>>;
}

const RETRY_MS = 500;
/** A connection on which nothing comes is asked so often whether it still stands, and has this long to answer. */
const ASK_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 10_000;

/** An SQLite file has one office. */
export const nobodyElse: News = {
  tell: async () => undefined,
  listen: async () => async () => undefined,
};

export function postgresNews(address: PostgresAddress): News {
  return {
    async tell(trx, topic, names) {
      if (names.length === 0) return;
      await sql`select pg_notify(${topic}, name) from unnest(${[...names]}::text[]) as changed (name)`.execute(
        trx,
      );
    },
    async listen(topic, heard) {
      const listener = new Listener(address, topic, heard);
      await listener.start().catch(async (error) => {
        await listener.close();
        throw toPostgresStoreError(error);
      });
      return () => listener.close();
    },
  };
}

/** A connection of its own that listens, made anew where it breaks. */
class Listener {
  readonly #address: PostgresAddress;
  readonly #topic: Topic;
  readonly #heard: (name: string | "all") => void;
  #client: Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ask: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(address: PostgresAddress, topic: Topic, heard: (name: string | "all") => void) {
    this.#address = address;
    this.#topic = topic;
    this.#heard = heard;
  }

  /** Rejects with pg's error where the first connection cannot be made. */
  async start(): Promise<void> {
    const client = new Client({ ...clientConfig(this.#address), query_timeout: ANSWER_WITHIN_MS });
    this.#client = client;
    client.on("notification", ({ payload }) => this.#heard(payload ?? "all"));
    // Comes without "end" where a connection never stood.
    client.on("error", () => undefined);
    client.once("end", () => this.#again(client));
    await client.connect();
    await client.query(`listen ${this.#topic}`);
    this.#askLater(client);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#ask);
    await this.#client?.end().catch(() => undefined);
  }

  /** Where a cable is cut nobody says so: one who only listens would go on listening to nobody. */
  #askLater(client: Client): void {
    clearTimeout(this.#ask);
    if (this.#closed) return;
    this.#ask = setTimeout(() => {
      client.query("select 1").then(
        () => this.#askLater(client),
        () => cut(client),
      );
    }, ASK_EVERY_MS);
    this.#ask.unref();
  }

  #again(client: Client): void {
    if (this.#closed || client !== this.#client) return;
    clearTimeout(this.#ask);
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

/** Ends a connection whose other end may be gone, without waiting for it. */
export function cut(client: Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
