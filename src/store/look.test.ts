import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { sql } from "kysely";
import { lookAtStore } from "./look.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { asSuperuser, newDatabase, onEachStore, openTestStore, postgresSkip } from "./testing.ts";

/** Says so as soon as nobody else can read the file, and holds it for 300 ms. */
const HOLD_FOR_A_MOMENT = `
  import { writeSync } from "node:fs";
  import { DatabaseSync } from "node:sqlite";
  const database = new DatabaseSync(process.argv[2]);
  database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  writeSync(1, "held");
  setTimeout(() => database.close(), 300);
`;

onEachStore("the doctor sees which database it is, and whether this version can use it", async (kind) => {
  const { store, where } = await openTestStore(kind);
  const look = await lookAtStore(where);
  assert.deepEqual([look.state, look.remedy], ["good", ""]);
  assert.match(look.found, /^(?:SQLite|PostgreSQL \d).* \d+ MB/);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-newer', '')`.execute(store.db);
  assert.match((await lookAtStore(where)).found, /newer version of Lethe/);
  await sql`delete from kysely_migration where name in ('9999-newer', '0003-site')`.execute(store.db);
  assert.match((await lookAtStore(where)).found, /of an older version/);
  await sql`insert into kysely_migration (name, timestamp) values ('0003-site', '')`.execute(store.db);
  await store.close();
});

test("who looks while another process has the file for itself waits until it is done", async () => {
  const { store, where } = await openTestStore("sqlite");
  await store.close();
  assert.ok("path" in where);
  const holder = spawn(process.execPath, ["--input-type=module", "-", where.path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  holder.stdin.end(HOLD_FOR_A_MOMENT);
  await once(holder.stdout, "data");
  const look = await lookAtStore(where);
  assert.equal(look.state, "good", look.found);
  await once(holder, "exit");
});

test("a server that is not there, and one whose log is not quiet, are told", {
  skip: postgresSkip(),
}, async () => {
  const gone = await lookAtStore({ url: "postgres://x@/y?host=/nowhere" });
  assert.equal(gone.state, "bad");
  assert.match(gone.found, /cannot be reached/);
  const url = await newDatabase();
  const { database } = parsePostgresUrl(url)!;
  await asSuperuser(
    "postgres",
    `create role loud_${database} login`,
    `alter role loud_${database} set log_statement = 'all'`,
  );
  const loud = await lookAtStore({ url: url.replace(/\/\/[^@]*@/, `//loud_${database}@`) });
  assert.equal(loud.state, "note");
  assert.match(loud.found, /log_statement/);
});
