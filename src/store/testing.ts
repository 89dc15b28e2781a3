import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { Client } from "pg";
import { skipFor } from "../lib/testing.ts";
import { openStore, type Store } from "./open.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { startCluster, TEST_SUPERUSER, type TestCluster, whyNoCluster } from "./test-cluster.ts";

/** One way for tests to a store of either kind. What it made is taken away after each test. */
export type StoreKind = "sqlite" | "postgres";

export interface TestStore {
  store: Store;
  /** What `openStore` takes to open the same database, in another process for instance. */
  where: { path: string } | { url: string };
  /** Opens it once more, as another office would. */
  openAgain(options?: { scrubEveryMs?: number }): Promise<Store>;
  /**
   * The content of every file that the store has now: SQLite's file and its log; PostgreSQL's tables of this database, what it
   * tells other sessions, and the write-ahead log (which the whole server shares).
   */
  files(): Promise<Buffer[]>;
}

/** Set by test/postgres.setup.ts for a run of many files; a file that runs alone starts a server of its own. */
export const TEST_POSTGRES = "LETHE_TEST_POSTGRES";

/** For a test's `skip`: false where the PostgreSQL half can run, else why not. In CI (CI=true) it must. */
export function postgresSkip(): string | false {
  return skipFor(process.env[TEST_POSTGRES] === undefined && whyNoCluster());
}

/** One test on each kind of store. */
export function onEachStore(name: string, body: (kind: StoreKind) => Promise<void>): void {
  test(`${name} (SQLite)`, () => body("sqlite"));
  test(`${name} (PostgreSQL)`, { skip: postgresSkip() }, () => body("postgres"));
}

/** A new, empty store. */
export async function openTestStore(
  kind: StoreKind,
  options: { scrubEveryMs?: number } = {},
): Promise<TestStore> {
  const place = kind === "sqlite" ? newFolder() : await emptyDatabase();
  const where = kind === "sqlite" ? { path: join(place, "lethe.db") } : { url: place };
  const openAgain = (more: { scrubEveryMs?: number } = {}) => openStore({ ...where, ...more });
  const files = async () => (kind === "sqlite" ? readFolder(place) : postgresFiles(place));
  return { store: await openAgain(options), where, openAgain, files };
}

const readFolder = (folder: string): Buffer[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(folder, name)));

async function postgresFiles(url: string): Promise<Buffer[]> {
  const name = parsePostgresUrl(url)!.database;
  const [row] = await asSuperuser(
    name,
    // Has everything in memory written to the files, and the log that is over removed.
    "checkpoint",
    `select oid from pg_database where datname = '${name}'`,
  );
  const data = join(await socketFolder(), "data");
  const { oid } = row as { oid: number };
  return [join("base", String(oid)), "pg_wal", "pg_notify"].flatMap((part) => readFolder(join(data, part)));
}

const EMPTIED = [
  "accounts",
  "vouchers",
  "servers",
  "site",
  "payment_events",
  "refunds_due",
  "cash_orders",
  "payer_hashes",
  "mail_queue",
  "mail_marks",
  "tickets",
  "announcements",
];
const folders: string[] = [];
const databases = { used: [] as string[], empty: [] as string[] };
let ownCluster: Promise<TestCluster> | undefined;

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lethe-store-"));
  folders.push(folder);
  return folder;
}

/** One that a test before has used and left empty, or a new one: making one takes a tenth of a second. */
async function emptyDatabase(): Promise<string> {
  const url = databases.empty.pop() ?? (await newDatabase());
  databases.used.push(url);
  return url;
}

/** A new database without tables; its `store.url`. */
export async function newDatabase(options = ""): Promise<string> {
  const name = `t${randomBytes(8).toString("hex")}`;
  await asSuperuser("postgres", `create database ${name} ${options}`);
  return `postgres://${TEST_SUPERUSER}@/${name}?host=${await socketFolder()}`;
}

/** Runs statements as the test server's superuser, each by itself; the last one's rows. */
export async function asSuperuser(database: string, ...statements: string[]): Promise<unknown[]> {
  const client = new Client({ host: await socketFolder(), user: TEST_SUPERUSER, database });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** The folder of the test server: its socket, `data` and `log`. */
export async function socketFolder(): Promise<string> {
  const shared = process.env[TEST_POSTGRES];
  if (shared !== undefined) return shared;
  ownCluster ??= startCluster();
  return (await ownCluster).folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  for (const url of databases.used.splice(0)) {
    // What is not here goes with these (on delete cascade).
    const emptying = EMPTIED.map((table) => `delete from ${table}`).join("; ");
    await asSuperuser(parsePostgresUrl(url)!.database, emptying);
    databases.empty.push(url);
  }
});
after(async () => (await ownCluster)?.stop());
