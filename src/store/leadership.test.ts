import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createConnection, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { campaign } from "./leadership.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { asSuperuser, openTestStore, postgresSkip, socketFolder } from "./testing.ts";

const skip = postgresSkip();
const QUICK = { heartbeatMs: 40, answerMs: 1200, graceMs: 1600 };

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > endMs) assert.fail(`never came: ${what}`);
    await pause(5);
  }
}

/** An office that notes what it hears, and when. */
function office(store: Parameters<typeof campaign>[0]["store"], events: string[], name: string) {
  return campaign({
    store,
    onLead: () => events.push(`${name} leads`),
    onLose: () => events.push(`${name} lost`),
    ...QUICK,
  });
}

test("on SQLite the one office leads at once", async () => {
  const { store } = await openTestStore("sqlite");
  const events: string[] = [];
  const one = office(store, events, "a");
  await Promise.resolve();
  assert.deepEqual([one.leading, events], [true, ["a leads"]]);
  await one.close();
  assert.deepEqual([one.leading, events], [false, ["a leads", "a lost"]]);
  await store.close();
});

test("of three offices one leads; the next follows when it closes", { skip }, async () => {
  const { store, openAgain } = await openTestStore("postgres");
  const events: string[] = [];
  const offices = [office(store, events, "a")];
  await until(() => offices[0]!.leading, "a leads");
  for (const name of ["b", "c"]) offices.push(office(await openAgain(), events, name));
  await pause(QUICK.graceMs * 2);
  assert.deepEqual(events, ["a leads"]);
  await offices[0]!.close();
  await until(() => events.length === 3, "another leads");
  assert.match(events.join(", "), /^a leads, a lost, [bc] leads$/);
  for (const each of offices) await each.close();
  await store.close();
});

test("a leader whose session the server ends stops at once, before the next begins", { skip }, async () => {
  const { store, openAgain, where } = await openTestStore("postgres");
  const events: string[] = [];
  const a = office(store, events, "a");
  await until(() => a.leading, "a leads");
  const b = office(await openAgain(), events, "b");
  const { database } = parsePostgresUrl((where as { url: string }).url)!;
  for (let round = 0; round < 3; round++) {
    const before = events.length;
    await asSuperuser(
      database,
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid = ${5_126_871_005 % 2 ** 32}
       and database = (select oid from pg_database where datname = '${database}')`,
    );
    await until(() => events.length >= before + 2, "one lost and one leads");
    // Never two: who leads and who lost come in turns.
    assert.ok(
      events.every((event, index) => event.endsWith(index % 2 === 0 ? "leads" : "lost")),
      events.join(),
    );
  }
  await a.close();
  await b.close();
  await store.close();
});

test("a leader that hears nothing more has stopped before another can begin", { skip }, async () => {
  const folder = await socketFolder();
  // Its cable is cut: a relay that lets nothing through any more, while the server sees the session end.
  const { store, openAgain, where } = await openTestStore("postgres");
  const address = parsePostgresUrl((where as { url: string }).url)!;
  const pairs: [Socket, Socket][] = [];
  const relay = createServer((near) => {
    const far = createConnection(`${folder}/.s.PGSQL.${address.port}`);
    pairs.push([near, far]);
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => near.write(bytes));
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const { port } = relay.address() as { port: number };
  const events: { what: string; atMs: number }[] = [];
  const note = (what: string) => () => void events.push({ what, atMs: performance.now() });
  const cutOff = { postgres: { ...address, host: "127.0.0.1", port } };
  const a = campaign({ store: cutOff, onLead: note("a leads"), onLose: note("a lost"), ...QUICK });
  await until(() => a.leading, "a leads");
  const other = await openAgain();
  const b = campaign({ store: other, onLead: note("b leads"), onLose: note("b lost"), ...QUICK });
  relay.close();
  for (const [near, far] of pairs) {
    near.removeAllListeners("data");
    near.pause();
    far.destroy();
  }
  await until(() => events.length === 3, "b leads");
  assert.deepEqual(
    events.map(({ what }) => what),
    ["a leads", "a lost", "b leads"],
  );
  await a.close();
  await b.close();
  for (const [near] of pairs) near.destroy();
  await other.close();
  await store.close();
});

test("a leader that stood still does not say that it leads when it wakes up", { skip }, async () => {
  const { store } = await openTestStore("postgres");
  const events: string[] = [];
  const a = office(store, events, "a");
  await until(() => a.leading, "a leads");
  // Nothing else runs meanwhile, timers included.
  const endMs = performance.now() + QUICK.heartbeatMs + QUICK.answerMs + 50;
  while (performance.now() < endMs);
  assert.equal(a.leading, false);
  assert.deepEqual(events, ["a leads", "a lost"]);
  await until(() => a.leading, "a leads again");
  await a.close();
  await store.close();
});

test("an office that is killed is followed", { skip }, async () => {
  const { store } = await openTestStore("postgres");
  const { postgres } = store;
  const code = `
    import { campaign } from ${JSON.stringify(new URL("leadership.ts", import.meta.url).href)};
    campaign({ store: { postgres: ${JSON.stringify(postgres)} }, onLead: () => process.send("leads"), onLose: () => {},
      ...${JSON.stringify(QUICK)} });`;
  const child = fork("data:", [], {
    execArgv: ["--input-type=module", "--eval", code],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  await new Promise((resolve) => child.once("message", resolve));
  const events: string[] = [];
  const b = office(store, events, "b");
  await pause(QUICK.graceMs);
  assert.deepEqual(events, []);
  child.kill("SIGKILL");
  await until(() => b.leading, "b leads");
  await b.close();
  await store.close();
});

test("two offices that go by one id are told, each office by its own is not", { skip }, async () => {
  const { store, openAgain } = await openTestStore("postgres");
  const told: string[] = [];
  const start = async (name: string, id: string) => {
    const own = name === "a" ? store : await openAgain();
    const [onLead, onLose] = [() => undefined, () => undefined];
    const options = { store: own, onLead, onLose, office: id, twinAfterMs: 200, ...QUICK };
    return { own, campaign: campaign({ ...options, onTwin: () => told.push(name) }) };
  };
  const offices = [await start("a", "one")];
  await pause(200);
  offices.push(await start("b", "one"), await start("c", "another"));
  await until(() => told.length > 0, "b is told");
  await pause(500);
  assert.deepEqual(told, ["b"]);
  for (const { own, campaign: each } of offices) {
    await each.close();
    await own.close();
  }
});
