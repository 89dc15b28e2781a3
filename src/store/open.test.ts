import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { sql } from "kysely";
import { StoreError, type StoreErrorCode } from "./errors.ts";
import { openStore } from "./open.ts";
import { onSmallDisk, smallDiskSkip } from "./small-disk.ts";
import { onEachStore, openTestStore } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-store-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => {
  const place = join(folder, String(files++));
  mkdirSync(place);
  return join(place, "lethe.db");
};
const account = (name: string) => ({
  id: `id-${name}`,
  name,
  password_hash: `hash-${name}`,
  email: null,
  paid_until: null,
  terminated: 0,
  delete_after: 2_000_000_000,
  vpn_salt: `salt-${name}`,
  vpn_tag: `tag-${name}`,
});
const withCode = (code: StoreErrorCode) => (error: unknown) =>
  error instanceof StoreError && error.code === code;

test("what is written stands after closing and opening again, and only the owner may read it", async () => {
  const path = newPath();
  const store = await openStore({ path });
  await store.db.insertInto("accounts").values(account("alice")).execute();
  for (const name of readdirSync(join(path, ".."))) {
    assert.equal(statSync(join(path, "..", name)).mode & 0o777, 0o600, name);
  }
  assert.deepEqual(readdirSync(join(path, "..")), ["lethe.db", "lethe.db-shm", "lethe.db-wal"]);
  await store.close();
  assert.deepEqual(readdirSync(join(path, "..")), ["lethe.db"]);
  const again = await openStore({ path });
  const rows = await again.db.selectFrom("accounts").selectAll().execute();
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [{ ...account("alice"), email_verified: 0, renews: 0, taken_back: null, subscription_hash: null }],
  );
  await again.close();
});

test("a file that others could read is made private before anything is written", async () => {
  const path = newPath();
  writeFileSync(path, "", { mode: 0o644 });
  chmodSync(path, 0o644);
  await (await openStore({ path })).close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

onEachStore("transactions that overlap in time run one after another", async (kind) => {
  const { store } = await openTestStore(kind);
  await store.db
    .insertInto("vouchers")
    .values({ code_hash: "x", days: 0, used: 0, delete_after: 1 })
    .execute();
  const addOne = () =>
    store.db.transaction().execute(async (trx) => {
      const { days } = await trx.selectFrom("vouchers").select("days").executeTakeFirstOrThrow();
      await new Promise((resolve) => setImmediate(resolve));
      await trx
        .updateTable("vouchers")
        .set({ days: days + 1 })
        .execute();
    });
  await Promise.all(Array.from({ length: 20 }, addOne));
  assert.equal((await store.db.selectFrom("vouchers").select("days").executeTakeFirstOrThrow()).days, 20);
  await store.close();
});

test("a transaction that has only read so far cannot be overtaken by another process", async () => {
  const path = newPath();
  const [store, other] = [await openStore({ path }), await openStore({ path, busyTimeoutMs: 10 })];
  await store.db.transaction().execute(async (trx) => {
    await trx.selectFrom("accounts").selectAll().execute();
    await assert.rejects(other.db.insertInto("accounts").values(account("bob")).execute(), withCode("busy"));
    await trx.insertInto("accounts").values(account("alice")).execute();
  });
  await other.db.insertInto("accounts").values(account("bob")).execute();
  assert.equal((await store.db.selectFrom("accounts").selectAll().execute()).length, 2);
  await other.close();
  await store.close();
});

test("commits are synced, deleted content is overwritten, and nothing temporary is put on the disk", async () => {
  const store = await openStore({ path: newPath() });
  const pragma = async (name: string) =>
    Object.values((await sql.raw<Record<string, unknown>>(`PRAGMA ${name}`).execute(store.db)).rows[0]!)[0];
  assert.equal(await pragma("journal_mode"), "wal");
  assert.equal(await pragma("synchronous"), 2);
  assert.equal(await pragma("secure_delete"), 1);
  assert.equal(await pragma("temp_store"), 2);
  await store.close();
});

onEachStore("a transaction that fails leaves nothing behind, and the next one works", async (kind) => {
  const { store } = await openTestStore(kind);
  await assert.rejects(
    store.db.transaction().execute(async (trx) => {
      await trx.insertInto("accounts").values(account("alice")).execute();
      throw new Error("no");
    }),
    /^Error: no$/,
  );
  await store.db.transaction().execute((trx) => trx.insertInto("accounts").values(account("bob")).execute());
  const names = await store.db.selectFrom("accounts").select("name").execute();
  assert.deepEqual(
    names.map(({ name }) => name),
    ["bob"],
  );
  await store.close();
});

test("what was committed survives the process being killed", async () => {
  const path = newPath();
  await (await openStore({ path })).close();
  const child = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { openStore } from ${JSON.stringify(new URL("open.ts", import.meta.url).href)};
       const store = await openStore({ path: process.argv[1] });
       await store.db.insertInto("accounts").values(${JSON.stringify(account("alice"))}).execute();
       process.kill(process.pid, "SIGKILL");`,
      path,
    ],
    { stdio: "ignore" },
  );
  assert.equal(child.signal, "SIGKILL");
  const store = await openStore({ path });
  assert.equal((await store.db.selectFrom("accounts").selectAll().execute()).length, 1);
  await store.close();
});

onEachStore("foreign keys hold: a server that goes takes its traffic along", async (kind) => {
  const { store } = await openTestStore(kind);
  const traffic = { server: "exit1", slot: 1, in_percent: 0, out_percent: 0 };
  await assert.rejects(store.db.insertInto("traffic_slots").values(traffic).execute());
  const place = { city: "", country: "", country_code: "XX", latitude: 0, longitude: 0, bandwidth_mbit: 1 };
  await store.db
    .insertInto("servers")
    .values({ name: "exit1", host: "h", ...place, addresses: "[]", services: "[]" })
    .execute();
  await store.db.insertInto("traffic_slots").values(traffic).execute();
  await store.db.deleteFrom("servers").execute();
  assert.deepEqual(await store.db.selectFrom("traffic_slots").selectAll().execute(), []);
  await store.close();
});

test("the log is emptied by itself at intervals", { timeout: 120_000 }, async () => {
  const path = newPath();
  const store = await openStore({ path, scrubEveryMs: 20 });
  await store.db.insertInto("accounts").values(account("alice")).execute();
  while (statSync(`${path}-wal`).size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(readFileSync(path).includes("hash-alice"));
  await store.close();
});

test("a folder that is not there is named as missing", async () => {
  await assert.rejects(openStore({ path: join(folder, "nowhere", "lethe.db") }), withCode("missing"));
});

test("something that is no database is not touched", async () => {
  const path = newPath();
  const text = "this is somebody's diary, not a database\n".repeat(300);
  writeFileSync(path, text);
  await assert.rejects(openStore({ path }), withCode("corrupt"));
  assert.equal(readFileSync(path, "utf8"), text);
  await assert.rejects(openStore({ path: folder }), withCode("corrupt"));
});

test("a damaged database is found at the start", async () => {
  const path = newPath();
  const store = await openStore({ path });
  for (let i = 0; i < 200; i++)
    await store.db
      .insertInto("accounts")
      .values(account(`a${i}`))
      .execute();
  await store.close();
  const bytes = readFileSync(path);
  // The head of one page of accounts: nothing that opening the file would come across.
  const page = Math.floor(bytes.indexOf("hash-a100") / 4096) * 4096;
  bytes.fill(0xa5, page, page + 64);
  writeFileSync(path, bytes);
  await assert.rejects(openStore({ path }), withCode("corrupt"));
});

onEachStore("a database of a newer version is refused", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '')`.execute(store.db);
  await assert.rejects(openAgain(), withCode("newer-schema"));
  await sql`delete from kysely_migration where name = '9999-later'`.execute(store.db);
  await store.close();
});

test("a database that another process holds is named as in use", async () => {
  const path = newPath();
  await (await openStore({ path })).close();
  const other = new DatabaseSync(path);
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  await assert.rejects(openStore({ path, busyTimeoutMs: 10 }), withCode("busy"));
  other.close();
});

test("a read-only folder is named as such", async () => {
  const path = newPath();
  const place = join(path, "..");
  chmodSync(place, 0o500);
  // Root may write anywhere: try as nobody.
  const root = process.getuid!() === 0;
  if (root) {
    chmodSync(folder, 0o755);
    chownSync(place, 65_534, 65_534);
    process.seteuid!(65_534);
  }
  try {
    await assert.rejects(openStore({ path }), withCode("read-only"));
  } finally {
    if (root) process.seteuid!(0);
    chmodSync(place, 0o700);
  }
  assert.deepEqual(readdirSync(place), []);
});

test("a full disk is named as such, what stood before stands, and no value is in the error", async () => {
  const path = newPath();
  const store = await openStore({ path });
  await store.db.insertInto("accounts").values(account("alice")).execute();
  const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(store.db);
  await sql.raw(`PRAGMA max_page_count = ${rows[0]!.page_count}`).execute(store.db);
  const long = { ...account("bob"), email: "b".repeat(100_000) };
  await assert.rejects(store.db.insertInto("accounts").values(long).execute(), (error: Error) => {
    assert.ok(withCode("full")(error));
    assert.ok(!error.message.includes("bbbb"));
    return true;
  });
  assert.equal((await store.db.selectFrom("accounts").selectAll().execute()).length, 1);
  await store.close();
});

test("a disk without room for the database is named as full at the start", {
  skip: smallDiskSkip,
}, () => {
  const path = newPath();
  const child = onSmallDisk(
    { folder: join(path, ".."), size: "64k" },
    `import { openStore } from "./src/store/open.ts";
       try { await openStore({ path: process.argv[1] }); } catch (error) { console.log(error.code); }`,
    path,
  );
  assert.equal(child.stdout, "full\n");
});

test("a transaction that a full disk has ended says so, and the next one is as good as ever", async () => {
  const path = newPath();
  const store = await openStore({ path });
  const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(store.db);
  await sql.raw(`PRAGMA max_page_count = ${rows[0]!.page_count}`).execute(store.db);
  const long = { ...account("bob"), email: "b".repeat(100_000) };
  const insert = store.db.transaction().execute(async (trx) => {
    await trx.insertInto("accounts").values(account("alice")).execute();
    await trx.insertInto("accounts").values(long).execute();
  });
  await assert.rejects(insert, withCode("full"));
  assert.equal((await store.db.selectFrom("accounts").selectAll().execute()).length, 0);
  await sql`PRAGMA max_page_count = 1000000`.execute(store.db);
  await store.db.transaction().execute((trx) => trx.insertInto("accounts").values(long).execute());
  await store.close();
});

test("what is committed stays so where the disk has no room for the scrubbing after it", {
  skip: smallDiskSkip,
}, () => {
  const path = newPath();
  const child = onSmallDisk(
    { folder: join(path, ".."), size: "2m" },
    `import { appendFileSync } from "node:fs";
       import { openStore } from "./src/store/open.ts";
       const store = await openStore({ path: process.argv[1] });
       const account = ${JSON.stringify(account("alice"))};
       await store.db.insertInto("accounts").values({ ...account, email: "a".repeat(200_000) }).execute();
       try { for (;;) appendFileSync(process.argv[1] + ".filler", Buffer.alloc(4096)); } catch {}
       await store.db.selectFrom("accounts").select("id").execute();
       console.log(await store.scrub().catch(({ code }) => code));
       console.log((await store.db.selectFrom("accounts").select("id").execute()).length);`,
    path,
  );
  assert.equal(child.stdout, "false\n1\n", child.stderr);
});

test("a deletion stands where the disk has no room for writing the file anew, which is done once there is", {
  skip: smallDiskSkip,
}, () => {
  const path = newPath();
  const child = onSmallDisk(
    { folder: join(path, ".."), size: "4m" },
    `import { appendFileSync, rmSync, truncateSync, statSync } from "node:fs";
       import { openStore } from "./src/store/open.ts";
       const path = process.argv[1], filler = path + ".filler";
       const store = await openStore({ path });
       const accounts = ${JSON.stringify([account("alice"), account("bob")])};
       await store.db.insertInto("accounts").values([accounts[0], { ...accounts[1], email: "b".repeat(800_000) }]).execute();
       console.log(await store.scrub());
       try { for (;;) appendFileSync(filler, Buffer.alloc(4096)); } catch {}
       truncateSync(filler, statSync(filler).size - 300_000);
       await store.db.deleteFrom("accounts").where("name", "=", "alice").execute();
       console.log(await store.scrub());
       console.log((await store.db.selectFrom("accounts").select("name").execute()).map(({ name }) => name));
       console.log(statSync(path + "-wal").size < 300_000);
       rmSync(filler);
       console.log(await store.scrub());
       await store.close();`,
    path,
  );
  assert.equal(child.stdout, "true\nfalse\n[ 'bob' ]\ntrue\ntrue\n", child.stderr);
});
