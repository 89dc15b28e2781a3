import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { StoreError, type StoreErrorCode } from "./errors.ts";
import { migrationNames } from "./migrations.ts";
import { openStore, type Store } from "./open.ts";
import { checkServer } from "./postgres.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { asSuperuser, newDatabase, openTestStore, postgresSkip, socketFolder } from "./testing.ts";

const skip = postgresSkip();
const withCode = (code: StoreErrorCode) => (error: unknown) =>
  error instanceof StoreError && error.code === code;
const account = (name: string) => ({
  id: `id-${name}`,
  name,
  password_hash: `hash-${name}`,
  email: `${name}@example.org`,
  paid_until: null,
  terminated: 0,
  delete_after: 2_000_000_000,
  vpn_salt: `salt-${name}`,
  vpn_tag: `tag-${name}`,
});
const nameOf = (url: string) => parsePostgresUrl(url)!.database;

test("numbers come back as numbers, whatever their column's type", { skip }, async () => {
  const { store } = await openTestStore("postgres");
  const paid = { ...account("alice"), paid_until: 4_000_000_000, terminated: 1 };
  await store.db.insertInto("accounts").values(paid).execute();
  assert.deepEqual(await store.db.selectFrom("accounts").selectAll().executeTakeFirst(), {
    ...paid,
    email_verified: 0,
    renews: 0,
    taken_back: null,
    subscription_hash: null,
  });
  const count = await store.db
    .selectFrom("accounts")
    .select((expression) => [
      expression.fn.countAll().as("count"),
      expression.fn.max("paid_until").as("last"),
    ])
    .executeTakeFirstOrThrow();
  assert.deepEqual(count, { count: 1, last: 4_000_000_000 });
  await store.close();
});

test("several offices that start at once on an empty database: one makes the tables", { skip }, async () => {
  const url = await newDatabase();
  const stores = await Promise.all(Array.from({ length: 6 }, () => openStore({ url })));
  const { rows } = await sql`select name from kysely_migration`.execute(stores[0]!.db);
  assert.equal(rows.length, migrationNames.length);
  await Promise.all(stores.map((store) => store.close()));
  const log = readFileSync(join(await socketFolder(), "log"), "utf8");
  assert.ok(!/ERROR:.*(kysely|duplicate key|already exists)/.test(log), "none was in another's way");
});

test("transactions of several offices run one after another", { skip }, async () => {
  const { store, openAgain } = await openTestStore("postgres");
  const stores = [store, await openAgain(), await openAgain()];
  const voucher = { code_hash: "x", days: 0, used: 0, delete_after: 1 };
  await store.db.insertInto("vouchers").values(voucher).execute();
  const addOne = ({ db }: Store) =>
    db.transaction().execute(async (trx) => {
      const { days } = await trx.selectFrom("vouchers").select("days").executeTakeFirstOrThrow();
      await trx
        .updateTable("vouchers")
        .set({ days: days + 1 })
        .execute();
    });
  await Promise.all(Array.from({ length: 30 }, (_, n) => addOne(stores[n % 3]!)));
  assert.equal((await store.db.selectFrom("vouchers").select("days").executeTakeFirstOrThrow()).days, 30);
  for (const each of stores) await each.close();
});

test("an office that dies in the middle of a transaction holds nobody up", { skip }, async () => {
  const { store, openAgain } = await openTestStore("postgres");
  const dying = await openAgain();
  const begun = Promise.withResolvers<number>();
  const failed = assert.rejects(
    dying.db.transaction().execute(async (trx) => {
      await trx.insertInto("accounts").values(account("half")).execute();
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      begun.resolve(rows[0]!.pid);
      await pause(100);
      await trx.insertInto("accounts").values(account("other-half")).execute();
    }),
    withCode("unreachable"),
  );
  await asSuperuser("postgres", `select pg_terminate_backend(${await begun.promise})`);
  await store.db
    .transaction()
    .execute((trx) => trx.insertInto("accounts").values(account("alice")).execute());
  await failed;
  const names = await dying.db.selectFrom("accounts").select("name").execute();
  assert.deepEqual(names, [{ name: "alice" }], "and it connects anew by itself");
  await dying.close();
  await store.close();
});

test("the other offices hear which account has changed, once that is committed", { skip }, async () => {
  const { store, openAgain } = await openTestStore("postgres");
  const other = await openAgain();
  const heard: string[] = [];
  const stop = await other.news.listen("account_changes", (id) => heard.push(id));
  const change = (id: string, fails: boolean) =>
    store.db.transaction().execute(async (trx) => {
      await store.news.tell(trx, "account_changes", [id]);
      await pause(20);
      assert.deepEqual(heard, [], "not before");
      if (fails) throw new Error("rolled back");
    });
  await assert.rejects(change("gone", true), /rolled back/);
  await change("alice", false);
  while (heard.length < 1) await pause(5);
  assert.deepEqual(heard, ["alice"]);
  // The connection breaks: what was missed is everything.
  await asSuperuser(
    "postgres",
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'",
  );
  while (heard.length < 2) await pause(20);
  assert.equal(heard[1], "all");
  await stop();
  await other.close();
  await store.close();
});

test("each thing that can be wrong with the server is named", { skip }, async () => {
  const folder = await socketFolder();
  const url = await newDatabase();
  const name = nameOf(url);
  const opening = (more: string) => openStore({ url: more });
  await assert.rejects(opening(`postgres://x@/${name}?host=/nowhere`), withCode("unreachable"));
  await assert.rejects(opening(`postgres:///${name}?host=${folder}&port=1&user=x`), withCode("unreachable"));
  await assert.rejects(opening(url.replace(name, "nosuchdatabase")), withCode("no-database"));
  await assert.rejects(opening(url.replace(/\/\/[^@]*@/, "//nobody_of_ours@")), withCode("login-refused"));
  const latin = await newDatabase("encoding 'LATIN1' template template0");
  await assert.rejects(opening(latin), withCode("encoding"));
  await asSuperuser("postgres", `create role plain_${name} login`);
  const plain = url.replace(/\/\/[^@]*@/, `//plain_${name}@`);
  await assert.rejects(opening(plain), withCode("no-permission"));
  await asSuperuser("postgres", `alter database ${name} set default_transaction_read_only = on`);
  await assert.rejects(opening(url), withCode("read-only"));
  assert.throws(() => checkServer({ version: 140_013, encoding: "UTF8" }), withCode("old-server"));
  assert.doesNotThrow(() => checkServer({ version: 150_000, encoding: "UTF8" }));
});

test("a password is sent, and a wrong or missing one is named", { skip }, async () => {
  const folder = await socketFolder();
  const database = nameOf(await newDatabase());
  const role = `with_password_${database}`;
  await asSuperuser(
    "postgres",
    `create role ${role} login password 'p@ss:/'`,
    `alter database ${database} owner to ${role}`,
  );
  // The first line that fits is taken: ours goes before those that let everybody in.
  const rules = join(folder, "data", "pg_hba.conf");
  const before = readFileSync(rules, "utf8");
  const { uid, gid } = statSync(rules);
  writeFileSync(rules, `local ${database} ${role} scram-sha-256\n${before}`);
  await asSuperuser("postgres", "select pg_reload_conf()");
  assert.deepEqual([statSync(rules).uid, statSync(rules).gid], [uid, gid]);
  const url = (password: string) => `postgres://${role}${password}@/${database}?host=${folder}`;
  process.env.PGPASSWORD = "p@ss:/";
  try {
    let refused = false;
    // The server reads its rules anew in its own time.
    while (!refused)
      refused = await openStore({ url: url(":wrong") }).then(
        (store) => store.close().then(() => false),
        withCode("login-refused"),
      );
    await assert.rejects(
      openStore({ url: url("") }),
      withCode("login-refused"),
      "not out of the environment",
    );
    await (await openStore({ url: url(":p%40ss%3A%2F") })).close();
  } finally {
    delete process.env.PGPASSWORD;
    writeFileSync(rules, before);
  }
});

test("without the TLS that was asked for nothing is sent", { skip }, async () => {
  const folder = await socketFolder();
  const name = nameOf(await newDatabase());
  // Answers "no TLS here" to everybody (PostgreSQL, "Message Flow", SSLRequest), and keeps what comes after it.
  const heard: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on("data", (bytes) => {
      heard.push(bytes);
      socket.write("N");
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const url = `postgres://lethe:secret@127.0.0.1:${port}/${name}?sslmode=verify-full`;
  await assert.rejects(openStore({ url }), withCode("tls"));
  assert.equal(Buffer.concat(heard).length, 8, "the request for TLS and no more");
  server.close();
  const noFile = `${url}&sslrootcert=${folder}/no-such.pem`;
  await assert.rejects(openStore({ url: noFile }), withCode("tls"));
});

test("no value stands in an error, nor in the server's log", { skip }, async () => {
  const folder = await socketFolder();
  const url = await newDatabase();
  // As a role of its own: a superuser could have the log quiet for itself.
  const role = `office_${nameOf(url)}`;
  await asSuperuser(
    "postgres",
    `create role ${role} login`,
    `alter database ${nameOf(url)} owner to ${role}`,
  );
  const store = await openStore({ url: url.replace(/\/\/[^@]*@/, `//${role}@`) });
  const secret = "canary-q7w3";
  await store.db.insertInto("accounts").values(account(secret)).execute();
  const again = store.db.insertInto("accounts").values(account(secret));
  const { numInsertedOrUpdatedRows } = await again
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  assert.equal(numInsertedOrUpdatedRows, 0n);
  // A bug of ours: a number that is none.
  const wrong = store.db
    .updateTable("accounts")
    .set({ terminated: 2 ** 40, email: secret })
    .where("name", "=", secret);
  await assert.rejects(wrong.execute(), (error: Error) => {
    assert.ok(withCode("failed")(error));
    assert.match(error.message, /22003/);
    assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes(secret));
    return true;
  });
  await store.close();
  const log = () => readFileSync(join(folder, "log"), "utf8");
  assert.ok(/ERROR: .*out of range/.test(log()), "the log has the error");
  assert.ok(!log().includes(secret), "and no value");
  // Control: what ON CONFLICT spares us.
  const control = "control-x2v9";
  const twice = `create table if not exists ${role} (name text unique); insert into ${role} values ('${control}'), ('${control}')`;
  await assert.rejects(asSuperuser("postgres", twice));
  assert.ok(log().includes(control));
  await asSuperuser("postgres", `drop table if exists ${role}`);
});

test("a role that may keeps the server's log quiet", { skip }, async () => {
  const { store } = await openTestStore("postgres");
  const { rows } = await sql<{
    name: string;
    setting: string;
  }>`select name, setting from pg_settings where name in
    ('log_statement', 'log_min_error_statement', 'log_error_verbosity', 'log_parameter_max_length_on_error')
    order by name`.execute(store.db);
  assert.deepEqual(
    rows.map(({ setting }) => setting),
    ["terse", "panic", "0", "none"],
  );
  await store.close();
});

test("what is deleted leaves the tables' files soon, and the log's with them", { skip }, async () => {
  const { store, files } = await openTestStore("postgres", { scrubEveryMs: 50 });
  const names = Array.from({ length: 40 }, (_, n) => `deleted-${n}-j5t8`);
  await store.db.insertInto("accounts").values(names.map(account)).execute();
  await store.db.insertInto("accounts").values(account("stays-j5t8")).execute();
  await sql`analyze`.execute(store.db);
  const found = async (texts: string[]) => {
    const now = await files();
    return texts.filter((text) => now.some((bytes) => bytes.includes(text)));
  };
  assert.deepEqual(await found(names), names, "the search can find");
  await store.db.deleteFrom("accounts").where("name", "in", names).execute();
  await sql`vacuum accounts`.execute(store.db);
  assert.ok((await found(names)).length > 0, "control: VACUUM alone leaves bytes");
  assert.equal(await store.scrub(), false);
  const untilMs = Date.now() + 60_000;
  while ((await found(names)).length > 0) {
    assert.ok(Date.now() < untilMs, "still there");
    await pause(50);
  }
  assert.deepEqual(await found(["stays-j5t8"]), ["stays-j5t8"]);
  await store.close();
});
