import assert from "node:assert/strict";
import { test } from "node:test";
import { HeardAccounts } from "./heard-accounts.ts";

function reader() {
  const done: string[] = [];
  let failing = 0;
  const note = async (what: string) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (failing > 0) {
      failing -= 1;
      done.push(`no ${what}`);
      throw new Error("the database is away");
    }
    done.push(what);
  };
  const heard = new HeardAccounts({ walk: () => note("all"), read: (ids) => note(ids.join()) });
  return { heard, done, fail: (times: number) => (failing = times) };
}

test("what is heard before the first walk is over is read after it, each account once", async () => {
  const { heard, done } = reader();
  heard.hear("a");
  const begun = heard.begin();
  heard.hear("b");
  heard.hear("a");
  await begun;
  await heard.idle();
  assert.deepEqual(done, ["all", "a,b"]);
  heard.hear("c");
  heard.hear("d");
  await heard.idle();
  assert.deepEqual(done, ["all", "a,b", "c", "d"], "one reading after the other");
});

test("a reading that fails is tried again, of some and of all, and loses nobody", async () => {
  const { heard, done, fail } = reader();
  await heard.begin();
  fail(1);
  heard.hear("a");
  await heard.idle();
  assert.deepEqual(done, ["all", "no a", "a"]);
  fail(1);
  heard.hear("all");
  await heard.idle();
  assert.deepEqual(done.slice(3), ["no all", "all"]);
});

test("with too many heard of all are read instead; a few at one go otherwise", async () => {
  const { heard, done } = reader();
  for (let id = 0; id < 250; id++) heard.hear(`a${id}`);
  assert.equal((await heard.readSome()).length, 200);
  assert.equal((await heard.readSome()).length, 50);
  assert.deepEqual(await heard.readSome(), []);
  assert.equal(done.length, 2);
  for (let id = 0; id <= 100_000; id++) heard.hear(`a${id}`);
  await heard.begin();
  await heard.idle();
  assert.deepEqual(done.slice(2), ["all", "all"]);
});

test("a first walk that fails is the caller's, and nothing is read once it is closed", async () => {
  const { heard, done, fail } = reader();
  fail(1);
  await assert.rejects(heard.begin(), /away/);
  await heard.begin();
  heard.close();
  heard.hear("a");
  heard.hear("all");
  await heard.idle();
  assert.deepEqual(done, ["no all", "all"]);
});
