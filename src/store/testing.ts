import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { Client } from "pg";
import { openStore, type Store } from "./open.ts";
import { startCluster, TEST_SUPERUSER, type TestCluster, whyNoCluster } from "./test-cluster.ts";

/** One way for tests to a store of either kind. What it made is taken away after each test. */
export type StoreKind = "sqlite" | "postgres";

export interface TestStore {
  store: Store;
  /** Opens the same database once more, as another office would. */
  openAgain(options?: { scrubEveryMs?: number }): Promise<Store>;
  /** The folder of the SQLite file; for PostgreSQL `store.url`. */
  place: string;
}

/** Set by test/postgres.setup.ts for a run of many files; a file that runs alone starts a server of its own. */
export const TEST_POSTGRES = "LETHE_TEST_POSTGRES";

/**
 * For a test's `skip`: false where the PostgreSQL half can run, else why not. In CI (CI=true) it must.
 */
export function postgresSkip(): string | false {
  const missing = process.env[TEST_POSTGRES] === undefined ? whyNoCluster() : undefined;
  if (missing === undefined) return false;
  if (process.env.CI === "true")
    throw new Error(`the tests must run on PostgreSQL too in CI, but ${missing}`);
  return `SKIPPED: ${missing}`;
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
  const place = kind === "sqlite" ? newFolder() : await newDatabase();
  const openAgain = (more: { scrubEveryMs?: number } = {}) =>
    openStore(kind === "sqlite" ? { path: join(place, "lethe.db"), ...more } : { url: place, ...more });
  return { store: await openAgain(options), openAgain, place };
}

const folders: string[] = [];
const databases: string[] = [];
let ownCluster: Promise<TestCluster> | undefined;

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lethe-store-"));
  folders.push(folder);
  return folder;
}

/** An empty database of its own; its `store.url`. */
export async function newDatabase(options = ""): Promise<string> {
  const name = `t${randomBytes(8).toString("hex")}`;
  await asSuperuser(`create database ${name} ${options}`);
  databases.push(name);
  return `postgres://${TEST_SUPERUSER}@/${name}?host=${await socketFolder()}`;
}

/** Runs statements as the test server's superuser, each by itself. */
export async function asSuperuser(...statements: string[]): Promise<unknown[]> {
  const client = new Client({ host: await socketFolder(), user: TEST_SUPERUSER, database: "postgres" });
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
  for (const name of databases.splice(0)) await asSuperuser(`drop database ${name} with (force)`);
});
after(async () => (await ownCluster)?.stop());
