import { readFileSync } from "node:fs";
import {
  CompiledQuery,
  type DatabaseConnection,
  PostgresDialect,
  PostgresDriver,
  type PostgresPool,
  type PostgresPoolClient,
  type TransactionSettings,
} from "kysely";
import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient, types } from "pg";
import { POSTGRES_LEAST_MAJOR, StoreError } from "./errors.ts";
import { toPostgresStoreError } from "./postgres-errors.ts";
import type { PostgresAddress } from "./postgres-url.ts";

const CONNECTIONS_MOST = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** Of all advisory locks in the database this number is the one that a transaction holds (any number; never to be changed). */
const WRITER_LOCK = 5_126_871_003;

/**
 * For each session. A transaction waits ten seconds for those before it; an office that vanishes in the middle of one (a power
 * cut, a cut cable) holds the others up for no longer than that either. No value in the log with an error.
 */
const SESSION_SETTINGS = {
  lock_timeout: "10s",
  idle_in_transaction_session_timeout: "10s",
  tcp_keepalives_idle: "10",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
  log_parameter_max_length_on_error: "0",
};

/**
 * What keeps the rest of the server's log free of our values; a superuser's to set, or whose role was granted it
 * (GRANT SET ON PARAMETER). Where it may not, docs/operating.md has it in the server's settings.
 */
const LOG_SETTINGS = {
  log_statement: "none",
  log_min_duration_statement: "-1",
  log_min_duration_sample: "-1",
  log_parameter_max_length: "0",
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
};

/** How pg is to connect: everything is said here, so that nothing comes out of the environment or a file in some home. */
export function clientConfig(address: PostgresAddress): ClientConfig {
  const { host, port, user, password, database, tls } = address;
  return {
    host,
    port,
    user,
    database,
    // As a function: pg asks neither PGPASSWORD nor ~/.pgpass, and nothing prints it by mistake.
    password: (() => password) as () => string,
    ssl: tls === "none" ? false : { rejectUnauthorized: true, ...certificateOf(tls.rootCertificate) },
    options: Object.entries(SESSION_SETTINGS)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" "),
    application_name: "lethe",
    client_encoding: "UTF8",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser },
  };
}

/** pg leaves the connection open of a login that fails on our side (no password), until the server loses patience. */
class EndingClient extends Client {
  override connect(): Promise<Client>;
  override connect(done: Connected): void;
  // biome-ignore lint/suspicious/noConfusingVoidType: pg's own signature
  override connect(done?: Connected): Promise<Client> | void {
    if (done === undefined) return super.connect();
    super.connect((error: Error | null) => {
      if (error) void this.end();
      (done as (error: Error | null, client: Client) => void)(error, this);
    });
  }
}

type Connected = ((error: Error) => void) | ((error: null, client: Client) => void);

/** Connections for `address`; none is made before the first query. Throws StoreError "tls". */
export function openPool(address: PostgresAddress): Pool {
  const pool = new Pool({
    ...clientConfig(address),
    Client: EndingClient,
    max: CONNECTIONS_MOST,
    onConnect: prepareSession as (client: ClientBase) => void,
  });
  // A connection that breaks while nobody uses it: the pool has taken it out, and the next query makes another.
  pool.on("error", () => undefined);
  // One that breaks between two queries of a transaction: the second query meets it.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** What is asked of a server before it is used. Throws StoreError. */
export function checkServer(server: { version: number; encoding: string }): void {
  if (server.version < POSTGRES_LEAST_MAJOR * 10_000) throw new StoreError("old-server");
  if (server.encoding !== "UTF8") throw new StoreError("encoding");
}

async function prepareSession(client: ClientBase): Promise<void> {
  const { rows } = await client.query(
    "select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding",
  );
  checkServer(rows[0]);
  await client.query(
    `select set_config(name, value, false) from unnest($1::text[], $2::text[]) as wanted (name, value)
     where has_parameter_privilege(name, 'SET')`,
    [Object.keys(LOG_SETTINGS), Object.values(LOG_SETTINGS)],
  );
}

/**
 * Kysely's PostgresDialect, with transactions that are to each other what they are on SQLite: one at a time, whichever office
 * they are of. Each holds one advisory lock from its first statement to its end, so that what it has read still stands when
 * it writes, and none has to be tried again. (Single statements outside transactions do not wait.)
 */
export class OneWriterDialect extends PostgresDialect {
  readonly #pool: PostgresPool;

  constructor(pool: Pool) {
    const translating = { connect: () => connect(pool), end: () => pool.end() };
    super({ pool: translating });
    this.#pool = translating;
  }

  override createDriver(): PostgresDriver {
    return new OneWriterDriver({ pool: this.#pool });
  }
}

class OneWriterDriver extends PostgresDriver {
  override async beginTransaction(
    connection: DatabaseConnection,
    settings: TransactionSettings,
  ): Promise<void> {
    await super.beginTransaction(connection, settings);
    try {
      await connection.executeQuery(CompiledQuery.raw(`select pg_advisory_xact_lock(${WRITER_LOCK})`));
    } catch (error) {
      // Kysely rolls back only what has begun.
      await super.rollbackTransaction(connection).catch(() => undefined);
      throw error;
    }
  }
}

async function connect(pool: Pool): Promise<PostgresPoolClient> {
  return translating(await pool.connect().catch(refuse));
}

function translating(client: PoolClient): PostgresPoolClient {
  // Kysely's other form, with a cursor, is only for streams.
  const query = (text: string, parameters: unknown[]) => client.query(text, parameters).catch(refuse);
  return { query: query as unknown as PostgresPoolClient["query"], release: () => client.release() };
}

function refuse(error: unknown): never {
  throw toPostgresStoreError(error);
}

function certificateOf(file: string | undefined): { ca?: string } {
  if (file === undefined) return {};
  try {
    return { ca: readFileSync(file, "utf8") };
  } catch {
    throw new StoreError("tls");
  }
}

/** bigint comes as a number, as on SQLite: seconds and counts are far below 2^53. */
function getTypeParser(oid: number, format?: "text" | "binary") {
  return oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format as "text");
}
