import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import fc from "fast-check";
import { sql } from "kysely";
import { FakeClock } from "../lib/clock.ts";
import { inventory, sweep } from "./inventory.ts";
import { openStore, type Store } from "./open.ts";
import { onEachStore, openTestStore } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-inventory-"));
after(() => rmSync(folder, { recursive: true }));
let stores = 0;
async function newStore(
  options: { scrubAtOnceBytes?: number; scrubEveryMs?: number; busyTimeoutMs?: number } = {},
  place = mkdtempSync(join(folder, `${stores++}-`)),
): Promise<{ store: Store; place: string }> {
  return { store: await openStore({ path: join(place, "lethe.db"), ...options }), place };
}

const DAY_S = 86_400;
const account = (name: string, deleteAfter = 2_000_000_000) => ({
  id: `id-${name}`,
  name,
  password_hash: `hash-${name}`,
  email: `${name}@example.org`,
  paid_until: null,
  terminated: 0,
  delete_after: deleteAfter,
  vpn_salt: `salt-${name}`,
  vpn_tag: `tag-${name}`,
});
/** How often `text` stands in any file of the folder, the write-ahead log and its index included. */
const found = (place: string, text: string) =>
  readdirSync(place).filter((name) => readFileSync(join(place, name)).includes(text)).length;

onEachStore(
  "every table and column of the real schema stands in the inventory, and nothing else",
  async (kind) => {
    const { store } = await openTestStore(kind);
    const tables = await store.db.introspection.getTables({ withInternalKyselyTables: true });
    const real = tables.flatMap(({ name, columns }) => columns.map((column) => `${name}.${column.name}`));
    const listed = inventory
      .filter(({ place }) => place === "table")
      .map(({ table, column }) => `${table}.${column}`);
    assert.deepEqual(listed.toSorted(), real.toSorted());
    const everyTable = {
      sqlite: sql<{ name: string }>`select name from sqlite_schema where type in ('table', 'view')`,
      postgres: sql<{
        name: string;
      }>`select relname as name from pg_class join pg_namespace n on n.oid = relnamespace
      where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and nspname not in ('pg_catalog', 'pg_toast', 'information_schema')`,
    };
    const { rows } = await everyTable[kind].execute(store.db);
    assert.deepEqual(
      rows.map(({ name }) => name).toSorted(),
      tables.map(({ name }) => name).toSorted(),
      "no table that Kysely does not see",
    );
    await store.close();
  },
);

test("every entry says what, what for, and how long", () => {
  for (const entry of inventory)
    for (const text of [entry.what, entry.purpose, entry.lifetime])
      assert.ok(text.length >= 6, `${entry.table}.${entry.column}`);
});

onEachStore("the sweeper deletes what is over and leaves what is not", async (kind) => {
  const { store, files } = await openTestStore(kind);
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  const nowS = clock.now() / 1000;
  await store.db
    .insertInto("accounts")
    .values([account("gone", nowS), account("stays", nowS + 1)])
    .execute();
  await store.db
    .insertInto("vouchers")
    .values([
      { code_hash: "gone", days: 1, used: 1, delete_after: nowS },
      { code_hash: "stays", days: 1, used: 0, delete_after: nowS + 1 },
    ])
    .execute();
  const spot = { city: "", country: "", country_code: "XX", latitude: 0, longitude: 0, bandwidth_mbit: 1 };
  await store.db
    .insertInto("servers")
    .values({ name: "exit1", host: "h", ...spot, addresses: "[]", services: "[]" })
    .execute();
  const zero = { server: "exit1", in_percent: 0, out_percent: 0 };
  const slot = nowS / 300;
  await store.db
    .insertInto("traffic_slots")
    .values([slot - 1, slot - 288, slot - 289].map((each) => ({ ...zero, slot: each })))
    .execute();
  const hour = nowS / 3600;
  await store.db
    .insertInto("traffic_hours")
    .values([hour - 1, hour - 30 * 24, hour - 30 * 24 - 1].map((each) => ({ ...zero, hour: each })))
    .execute();
  await store.db
    .insertInto("server_services")
    .values([
      { server: "exit1", service: "http", healthy: 1, slot: slot - 1 },
      { server: "exit1", service: "socks5", healthy: 1, slot: slot - 289 },
    ])
    .execute();

  assert.equal(await sweep(store, clock), 5);
  if (kind === "sqlite") assert.ok(!(await files()).some((bytes) => bytes.includes("hash-gone")));
  const left = await Promise.all([
    store.db.selectFrom("accounts").select("name as key").execute(),
    store.db.selectFrom("vouchers").select("code_hash as key").execute(),
    store.db.selectFrom("traffic_slots").select("slot as key").orderBy("slot", "desc").execute(),
    store.db.selectFrom("traffic_hours").select("hour as key").orderBy("hour", "desc").execute(),
    store.db.selectFrom("server_services").select("service as key").execute(),
    store.db.selectFrom("servers").select("name as key").execute(),
  ]);
  assert.deepEqual(
    left.map((rows) => rows.map(({ key }) => key)),
    [["stays"], ["stays"], [slot - 1, slot - 288], [hour - 1, hour - 720], ["http"], ["exit1"]],
  );
  assert.equal(await sweep(store, clock), 0);

  clock.advance(31 * DAY_S * 1000);
  assert.equal(await sweep(store, clock), 7);
  await store.close();
});

onEachStore("two sweeps at the same time, and changes with them, are in nobody's way", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  const other = kind === "postgres" ? await openAgain() : store;
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  const nowS = clock.now() / 1000;
  const rows = Array.from({ length: 200 }, (_, n) => account(`m${n}`, nowS - (n % 2)));
  await store.db.insertInto("accounts").values(rows).execute();
  const renew = (db: Store["db"], from: number, to: number) =>
    db.transaction().execute(async (trx) => {
      for (let n = from; n !== to; n += Math.sign(to - from))
        await trx
          .updateTable("accounts")
          .set({ delete_after: nowS + 1 })
          .where("id", "=", `id-m${n}`)
          .execute();
    });
  const [first, second] = await Promise.all([
    sweep(store, clock),
    sweep(other, clock),
    renew(store.db, 0, 20),
    renew(other.db, 19, -1),
  ]);
  const left = await store.db.selectFrom("accounts").select("id").execute();
  assert.equal(first + second + left.length, 200, "each row was deleted once or stands");
  await other.close();
  if (other !== store) await store.close();
});

test("what is deleted or overwritten leaves no byte in any file of the store", async () => {
  const { store, place } = await newStore();
  const secret = (bytes: number) => randomBytes(bytes).toString("hex");
  const rows = Array.from({ length: 160 }, () => ({
    ...account(secret(8)),
    id: secret(16),
    password_hash: secret(48),
    vpn_salt: secret(16),
    vpn_tag: secret(16),
    email: secret(20),
  }));
  for (let at = 0; at < rows.length; at += 50)
    await store.db
      .insertInto("accounts")
      .values(rows.slice(at, at + 50))
      .execute();
  const gone: string[] = [];
  const shuffled = fc.sample(fc.shuffledSubarray(rows, { minLength: 120 }), { numRuns: 1 })[0]!;
  for (const row of shuffled.slice(0, 60)) {
    gone.push(row.vpn_salt, row.vpn_tag, row.email);
    const renewed = { vpn_salt: secret(16), vpn_tag: secret(16), email: null };
    await store.db.updateTable("accounts").set(renewed).where("id", "=", row.id).execute();
  }
  for (const row of shuffled.slice(40, 120)) {
    gone.push(row.id, row.name, row.password_hash, row.vpn_salt, row.vpn_tag, row.email);
    await store.db.deleteFrom("accounts").where("id", "=", row.id).execute();
  }
  // The start and the end of each value by themselves: half of one would be a trace too.
  const pieces = gone.flatMap((value) => [value.slice(0, 14), value.slice(-14)]);
  const count = () => {
    const files = readdirSync(place).map((name) => readFileSync(join(place, name)));
    return pieces.filter((piece) => files.some((bytes) => bytes.includes(piece))).length;
  };
  assert.ok(count() > 0, "before the log is cut, traces are found: the search can find");
  assert.equal(await store.scrub(), true);
  assert.equal(count(), 0);
  await store.close();
  assert.equal(count(), 0);
});

/**
 * A run of insertions and deletions, always the same, after which SQLite keeps copies of deleted cells in spite of secure_delete:
 * rows that moved to another page before. Its own table, so that no step of the schema changes it. Returns how many of the
 * deleted values stand in a file now.
 */
async function leaveStaleCopies({ store, place }: { store: Store; place: string }): Promise<() => number> {
  const value = (n: number, column: string) => createHash("sha256").update(`14 ${n} ${column}`).digest("hex");
  const columns = ["id", "name", "tag", "hash"];
  await sql`create table people (id text primary key, name text unique, tag text unique, hash text)`.execute(
    store.db,
  );
  await store.db.transaction().execute(async (trx) => {
    for (let n = 0; n < 400; n++)
      await sql`insert into people values (${sql.join(columns.map((column) => value(n, column)))})`.execute(
        trx,
      );
  });
  const gone: string[] = [];
  await store.db.transaction().execute(async (trx) => {
    for (let n = 0; n < 200; n++) {
      gone.push(...columns.map((column) => value(n, column).slice(0, 14)));
      await sql`delete from people where id = ${value(n, "id")}`.execute(trx);
    }
  });
  return () => {
    const files = readdirSync(place).map((name) => readFileSync(join(place, name)));
    return gone.filter((piece) => files.some((bytes) => bytes.includes(piece))).length;
  };
}

test("copies of deleted rows that balancing left in other pages go with the next scrub", async () => {
  const made = await newStore();
  const count = await leaveStaleCopies(made);
  assert.equal(await made.store.scrub(), true);
  assert.equal(count(), 0);
  await made.store.close();
});

test("control: secure_delete and an empty log alone leave such copies; a large file loses them later", {
  timeout: 120_000,
}, async () => {
  const made = await newStore({ scrubAtOnceBytes: 0 });
  const count = await leaveStaleCopies(made);
  assert.equal(await made.store.scrub(), false);
  assert.equal(statSync(join(made.place, "lethe.db-wal")).size, 0);
  assert.ok(count() > 0, "the run leaves copies");
  await made.store.close();
  assert.ok(count() > 0, "closing writes no large file anew");
  const soon = await newStore({ scrubAtOnceBytes: 0, scrubEveryMs: 20 }, made.place);
  while (count() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await soon.store.close();
});

test("what another process deleted leaves the files as well, and many scrubs at once are one", async () => {
  const made = await newStore({ scrubAtOnceBytes: 0 });
  const office = await newStore({}, made.place);
  const count = await leaveStaleCopies(made);
  await made.store.close();
  assert.ok(count() > 0);
  const first = office.store.scrub();
  assert.equal(office.store.scrub(), first);
  assert.equal(await first, true);
  assert.equal(count(), 0);
  await office.store.close();
});

test("a reader in the way holds up the rewrite, and the log does not grow by it", async () => {
  const made = await newStore({ busyTimeoutMs: 10 });
  const reader = new DatabaseSync(join(made.place, "lethe.db"), { readOnly: true });
  const count = await leaveStaleCopies(made);
  reader.exec("begin; select count(*) from people");
  await sql`delete from people where id = (select max(id) from people)`.execute(made.store.db);
  const log = () => statSync(join(made.place, "lethe.db-wal")).size;
  const before = log();
  for (let n = 0; n < 3; n++) assert.equal(await made.store.scrub(), false);
  assert.equal(log(), before);
  reader.exec("commit");
  assert.equal(await made.store.scrub(), true);
  assert.equal(count(), 0);
  reader.close();
  await made.store.close();
});

test("control: without secure_delete and without writing anew the same search finds what was deleted", async () => {
  const { store, place } = await newStore({ scrubAtOnceBytes: 0 });
  await sql`PRAGMA secure_delete = OFF`.execute(store.db);
  await store.db.insertInto("accounts").values(account("somebody")).execute();
  await store.db.deleteFrom("accounts").execute();
  await store.scrub();
  assert.equal(found(place, "hash-somebody"), 1);
  await store.close();
});
