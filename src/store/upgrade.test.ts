import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { type Kysely, sql } from "kysely";
import { FakeClock } from "../lib/clock.ts";
import { COPIES_KEPT_DAYS, sweepCopies } from "./copies.ts";
import type { StoreError } from "./errors.ts";
import { migrationNames, migrations, type Steps, takenSteps } from "./migrations.ts";
import { openStore, type Store } from "./open.ts";
import { onSmallDisk, smallDiskSkip } from "./small-disk.ts";
import { onEachStore, openTestStore, type StoreKind } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-upgrade-"));
after(() => rmSync(folder, { recursive: true }));
let folders = 0;
const newFolder = () => {
  const path = join(folder, String(folders++));
  mkdirSync(path);
  return path;
};
const account = (name: string) => ({
  id: `id-${name}`,
  name,
  password_hash: `hash-${name}`,
  email: null,
  paid_until: 4_000_000_000,
  terminated: 0,
  delete_after: 4_000_000_000,
  vpn_salt: `salt-${name}`,
  vpn_tag: `tag-${name}`,
});
const earlierThan = (step: string): Steps =>
  Object.fromEntries(Object.entries(migrations).filter(([name]) => name < step));
const BAD = "9001-bad";
/** A newer version's steps: a good one, and one that has done half of its work when `then` is called. */
const newer = (then: (db: Kysely<unknown>) => Promise<void>): Steps => ({
  ...migrations,
  "9000-good": {
    async up(db) {
      await db.schema.createTable("extra").addColumn("x", "integer").execute();
      await sql`insert into extra values (1)`.execute(db);
    },
  },
  [BAD]: {
    async up(db) {
      await db.schema.alterTable("accounts").addColumn("more", "integer").execute();
      await sql`update accounts set name = 'changed'`.execute(db);
      await then(db);
    },
  },
});
async function schemaOf({ db }: Store): Promise<string> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  return JSON.stringify(
    tables.map(({ name, columns }) => [name, columns.map((column) => column.name)]).toSorted(),
  );
}
const namesIn = async ({ db }: Store) =>
  (await db.selectFrom("accounts").select("name").execute()).map(({ name }) => name);

async function fullStore(kind: StoreKind) {
  const opened = await openTestStore(kind);
  await opened.store.db.insertInto("accounts").values(account("alice")).execute();
  const schema = await schemaOf(opened.store);
  await opened.store.close();
  const backups = join(newFolder(), "backups");
  const upgrade = (steps: Steps) => openStore({ ...opened.where, backups, steps });
  return { ...opened, schema, backups, upgrade };
}
async function assertAsBefore({ openAgain, schema }: Awaited<ReturnType<typeof fullStore>>) {
  const store = await openAgain();
  assert.equal(await schemaOf(store), schema);
  assert.deepEqual(await takenSteps(store.db), migrationNames);
  assert.deepEqual(await namesIn(store), ["alice"]);
  await store.close();
}

onEachStore("a step that fails half-way leaves everything as it was, and says so", async (kind) => {
  const full = await fullStore(kind);
  const failing = full.upgrade(
    newer(async () => {
      throw new Error("a mistake of ours that names hash-alice");
    }),
  );
  await assert.rejects(failing, (error: StoreError) => {
    assert.equal(error.code, "upgrade-failed");
    assert.match(error.message, /is as it was: start the former version again/);
    assert.ok(!error.message.includes("alice"));
    return true;
  });
  await assertAsBefore(full);
});

onEachStore(
  "before an upgrade the whole store is copied, private, and the former version starts on it",
  async (kind) => {
    const full = await fullStore(kind);
    const store = await full.upgrade(newer(async () => undefined));
    assert.equal(store.upgraded, 2);
    assert.deepEqual(await namesIn(store), ["changed"]);
    await assert.rejects(full.openAgain(), (error: StoreError) => error.code === "newer-schema");
    const copy = join(full.backups, "before-9000.db");
    assert.deepEqual(readdirSync(full.backups), ["before-9000.db"]);
    assert.equal(statSync(copy).mode & 0o777, 0o600);
    assert.equal(statSync(full.backups).mode & 0o777, 0o700);
    const back = join(newFolder(), "lethe.db");
    copyFileSync(copy, back);
    const former = await openStore({ path: back });
    assert.equal(former.upgraded, 0);
    const rows = await former.db.selectFrom("accounts").selectAll().execute();
    assert.deepEqual(
      { ...rows[0] },
      {
        ...account("alice"),
        email_verified: 0,
        renews: 0,
        taken_back: null,
        subscription_hash: null,
      },
    );
    assert.equal(rows.length, 1);
    await former.close();
    // Of the test's server's databases this one is of a version that nobody knows: the next test wants another.
    for (const undo of [
      "drop table extra",
      "alter table accounts drop column more",
      "delete from kysely_migration where name like '9%'",
    ])
      await sql.raw(undo).execute(store.db);
    await store.close();
  },
);

onEachStore("a new store, or one that is up to date, is not copied", async (kind) => {
  const { store, where } = await openTestStore(kind);
  await store.close();
  const backups = join(newFolder(), "backups");
  await (await openStore({ ...where, backups })).close();
  assert.ok(!existsSync(backups));
});

/** An office that stops in the middle of the upgrade and says so. */
const STOPPING = `
  import { sql } from "kysely";
  import { openStore } from "./src/store/open.ts";
  import { migrations } from "./src/store/migrations.ts";
  process.once("message", ({ where, backups }) => {
    const up = async (db) => {
      await db.schema.alterTable("accounts").addColumn("more", "integer").execute();
      await sql\`update accounts set name = 'changed'\`.execute(db);
      process.send("middle");
      await new Promise(() => setInterval(() => {}, 1000));
    };
    void openStore({ ...where, backups, steps: { ...migrations, "9001-bad": { up } } });
  });`;

onEachStore(
  "an office that is killed in the middle of an upgrade leaves everything as it was",
  async (kind) => {
    const full = await fullStore(kind);
    const child = spawn(process.execPath, ["--input-type=module", "-e", STOPPING], {
      cwd: new URL("../..", import.meta.url),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.send({ where: full.where, backups: full.backups });
    assert.equal((await once(child, "message"))[0], "middle");
    child.kill("SIGKILL");
    await once(child, "exit");
    await assertAsBefore(full);
    assert.ok(existsSync(join(full.backups, "before-9001.db")), "the copy was made before");
  },
);

for (const [where, sizeKb, grown] of [
  ["for the copy", 2500, 0],
  ["for the change itself", 2500, 4_000_000],
] as const)
  test(`a disk without room ${where} leaves everything as it was`, {
    skip: smallDiskSkip,
  }, () => {
    const place = newFolder();
    const code = `
      import { readdirSync, writeFileSync } from "node:fs";
      import { sql } from "kysely";
      import { openStore } from "./src/store/open.ts";
      import { migrations } from "./src/store/migrations.ts";
      const path = process.argv[1] + "/lethe.db";
      const first = await openStore({ path });
      await first.db.insertInto("accounts").values({ ...${JSON.stringify(account("alice"))}, password_hash: "a".repeat(500_000) }).execute();
      await first.close();
      if (${grown} === 0) writeFileSync(process.argv[1] + "/filler", Buffer.alloc(1_700_000));
      const up = async (db) => void (await sql\`update accounts set password_hash = hex(randomblob(${grown}))\`.execute(db));
      try { await openStore({ path, steps: { ...migrations, "9001-big": { up } } }); }
      catch (error) { console.log(error.code, /disk is full/.test(error.message)); }
      const again = await openStore({ path });
      console.log((await again.db.selectFrom("accounts").select("password_hash").executeTakeFirstOrThrow()).password_hash.length);
      await again.close();
      console.log(readdirSync(process.argv[1] + "/backups").join());`;
    const child = onSmallDisk({ folder: place, size: `${sizeKb}k` }, code, place);
    const copies = grown === 0 ? "" : "before-9001.db";
    assert.equal(child.stdout, `upgrade-failed true\n500000\n${copies}\n`, child.stderr);
  });

test("servers of before they had numbers get one each, by name", async () => {
  const where = { path: join(newFolder(), "lethe.db"), backups: join(newFolder(), "backups") };
  const before = await openStore({ ...where, steps: earlierThan("0005-server-numbers") });
  const place = { city: "", country: "", country_code: "XX", latitude: 0, longitude: 0, bandwidth_mbit: 1 };
  for (const name of ["oslo1", "berlin1"])
    await before.db
      .insertInto("servers")
      .values({ name, host: name, ...place, addresses: "[]", services: "[]" })
      .execute();
  await before.close();
  const store = await openStore(where);
  const rows = await store.db.selectFrom("servers").select(["name", "number"]).orderBy("name").execute();
  assert.deepEqual(
    rows.map(({ name, number }) => [name, number]),
    [
      ["berlin1", 1],
      ["oslo1", 2],
    ],
  );
  await store.close();
});

test("copies are deleted on time, and what a crash left half-made soon", () => {
  const place = newFolder();
  const clock = new FakeClock(Date.UTC(2030, 0, 10));
  const make = (name: string, ageDays: number) => {
    writeFileSync(join(place, name), "x");
    const atS = clock.now() / 1000 - ageDays * 86_400;
    utimesSync(join(place, name), atS, atS);
  };
  make("before-0002.db", COPIES_KEPT_DAYS + 0.01);
  make("before-0003.db", COPIES_KEPT_DAYS - 0.01);
  make("before-restore.db", -COPIES_KEPT_DAYS - 0.01);
  make("before-0004.db.new", 0.1);
  make("before-0004.db.new-journal", 0.1);
  make("before-0005.db.new", 0.01);
  mkdirSync(join(place, "snapshot-abc"));
  utimesSync(join(place, "snapshot-abc"), 1, 1);
  assert.equal(sweepCopies(place, clock), 5);
  assert.deepEqual(readdirSync(place).toSorted(), ["before-0003.db", "before-0005.db.new"]);
  assert.equal(sweepCopies(join(place, "nowhere"), clock), 0);
});

test("control: without a transaction around the steps a failing one leaves half of its work", async () => {
  const path = join(newFolder(), "plain.db");
  const database = new DatabaseSync(path);
  database.exec("create table accounts (name text); insert into accounts values ('alice')");
  assert.throws(() => database.exec("update accounts set name = 'changed'; select * from nowhere"));
  assert.equal(database.prepare("select name from accounts").get()?.name, "changed");
  database.close();
});

onEachStore(
  "days of payments that an older version wrote become months; what is good until a day stays so",
  async (kind) => {
    const { store } = await openTestStore(kind);
    const { db } = store;
    const day = Date.UTC(2031, 6, 16) / 1000;
    await db
      .insertInto("payment_events")
      .values({ event_hash: "e", sealed: "s", delete_after: day })
      .execute();
    const voucher = { days: 30, delete_after: day, percent: null, uses_left: 1 };
    await db
      .insertInto("vouchers")
      .values([
        { ...voucher, code_hash: "made", used: 0, plan: null },
        { ...voucher, code_hash: "bought", used: 0, plan: "30days" },
        { ...voucher, code_hash: "used", used: 1, plan: null },
        { ...voucher, code_hash: "coupon", used: 0, percent: 10, plan: "30days" },
      ])
      .execute();
    await migrations["0011-months-not-days"]!.up(db as unknown as Kysely<unknown>);
    const month = Date.UTC(2031, 7, 1) / 1000;
    const [event] = await db.selectFrom("payment_events").selectAll().execute();
    assert.equal(event?.delete_after, month);
    const rows = await db
      .selectFrom("vouchers")
      .select(["code_hash", "delete_after"])
      .orderBy("code_hash")
      .execute();
    assert.deepEqual(
      rows.map((row) => [row.code_hash, row.delete_after]),
      [
        ["bought", month],
        ["coupon", day],
        ["made", day],
        ["used", month],
      ],
    );
    await store.close();
  },
);
