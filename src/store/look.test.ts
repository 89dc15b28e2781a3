import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import { lookAtStore } from "./look.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { asSuperuser, newDatabase, onEachStore, openTestStore, postgresSkip } from "./testing.ts";

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
