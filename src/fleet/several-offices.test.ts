import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { Accounts } from "../accounts/accounts.ts";
import { Passwords } from "../accounts/passwords.ts";
import { Vouchers } from "../billing/vouchers.ts";
import { FakeClock } from "../lib/clock.ts";
import { sweep } from "../store/inventory.ts";
import type { Store } from "../store/open.ts";
import { parsePostgresUrl } from "../store/postgres-url.ts";
import { asSuperuser, openTestStore, postgresSkip } from "../store/testing.ts";
import { SessionSeal } from "../web/session.ts";
import { feedRoster } from "./roster.ts";

const skip = postgresSkip();
const DAY_S = 86_400;
const PASSWORD = "correct horse battery";
const siteSecret = new Uint8Array(32).fill(7);

/** Keeps what it is told, as the roster would. */
class Roster {
  rows = new Map<string, number>();
  told = 0;
  setCredential(username: string, _digest: Uint8Array, untilMinutes: number): void {
    this.told++;
    this.rows.set(username, untilMinutes);
  }
  removeCredential(username: string): void {
    this.told++;
    this.rows.delete(username);
  }
}

const hash = await new Passwords().hash(PASSWORD);
/** One hash for all: what is tested here is not the hash. */
const quickPasswords = {
  hash: async () => hash,
  verify: async () => true,
} as unknown as Passwords;

async function openOffice(store: Store, clock: FakeClock) {
  const accounts = new Accounts({ store, clock, siteSecret, passwords: quickPasswords });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const roster = new Roster();
  const feed = await feedRoster({ members: accounts.roster, publisher: roster, clock });
  const close = async () => {
    await feed.close();
    await store.close();
  };
  return { store, accounts, vouchers, roster, feed, close };
}
type Office = Awaited<ReturnType<typeof openOffice>>;

async function twoOffices() {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  const { store, openAgain, where } = await openTestStore("postgres");
  const { database } = parsePostgresUrl((where as { url: string }).url)!;
  return {
    clock,
    database,
    a: await openOffice(store, clock),
    b: await openOffice(await openAgain(), clock),
  };
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > endMs) assert.fail(`never came: ${what}`);
    await pause(5);
  }
}

/** Who may go online, as the database says. */
async function expectedOf({ accounts }: Office): Promise<[string, number][]> {
  const good: [string, number][] = [];
  for (let after = ""; ; ) {
    const page = await accounts.roster.credentialsAfter(after);
    if (page.length === 0) return good.toSorted();
    for (const { credential } of page)
      if (credential) good.push([credential.vpnUsername, credential.untilMinutes]);
    after = page.at(-1)!.id;
  }
}
const same = async (office: Office) =>
  JSON.stringify([...office.roster.rows].toSorted()) === JSON.stringify(await expectedOf(office));

async function member({ accounts }: Office, name: string, days = 30): Promise<string> {
  const made = await accounts.signUp({ name, password: PASSWORD });
  assert.ok(made.ok);
  if (days > 0) await accounts.extend(made.value.id, days);
  return made.value.id;
}

/** Ends the connections on which offices listen; says how many. */
const breakListening = async (database: string) =>
  (
    await asSuperuser(
      database,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and query like 'listen %'`,
    )
  ).length;

test("what one office changes the other's exits hear: new, renewed, cut off, deleted", { skip }, async () => {
  const { a, b } = await twoOffices();
  const alice = await member(a, "alice");
  const bob = await member(b, "bob");
  await until(async () => (await same(a)) && (await same(b)) && a.roster.rows.size === 2, "both know both");
  const former = (await a.accounts.vpnCredentials(alice)).username;
  await b.accounts.renewVpnCredentials(alice);
  await until(
    () => !a.roster.rows.has(former),
    "the former credential goes, though nobody says which it was",
  );
  assert.ok(await same(a));
  await a.accounts.terminate("bob");
  await until(() => b.roster.rows.size === 1, "bob is cut off on the other");
  await b.accounts.remove(alice);
  await until(() => a.roster.rows.size === 0, "alice is deleted on the other");
  assert.equal(await a.accounts.stampOf(alice), undefined);
  await a.accounts.reinstate("bob");
  await until(() => b.roster.rows.size === 1, "bob is back");
  assert.ok(await b.accounts.stampOf(bob));
  await a.close();
  await b.close();
});

test("a session begun at one office is good at the other, and ends at both", { skip }, async () => {
  const { clock, a, b } = await twoOffices();
  await member(a, "alice");
  const seals = [new SessionSeal(siteSecret, clock), new SessionSeal(siteSecret, clock)] as const;
  const login = await a.accounts.logIn("alice", PASSWORD);
  const cookie = seals[0].seal("cookie", seals[0].start(login!.account.id, login!.stamp));
  const session = seals[1].open("cookie", cookie)!;
  const stampAt = async (office: Office) => (await office.accounts.stampOf(session.accountId))?.stamp;
  assert.equal(await stampAt(b), session.stamp);
  // Another hash than all others have here, so that the stamp is another.
  const renewed = new Accounts({ store: b.store, clock, siteSecret });
  const changed = await renewed.login.changePassword(session.accountId, PASSWORD, "another horse battery", {
    renewVpn: false,
  });
  assert.ok(changed.ok);
  assert.notEqual(await stampAt(a), session.stamp);
  await a.close();
  await b.close();
});

test("what was missed while nobody listened is made good, and only what differs is told", {
  skip,
}, async () => {
  const { a, b, database } = await twoOffices();
  for (let n = 0; n < 20; n++) await member(a, `member-${n}`);
  await until(() => b.roster.rows.size === 20, "b knows all");
  const former = (await a.accounts.vpnCredentials((await a.accounts.byName("member-3"))!.id)).username;
  b.roster.told = 0;
  // Changed by somebody who tells nobody, as if the news had been lost.
  const [other] = [await a.accounts.byName("member-5")];
  await sql`update accounts set vpn_salt = ${"ab".repeat(16)} where name = 'member-3'`.execute(a.store.db);
  await sql`delete from accounts where id = ${other!.id}`.execute(a.store.db);
  assert.equal(await breakListening(database), 2);
  await until(async () => (await same(b)) && (await same(a)), "both are right again");
  assert.ok(!b.roster.rows.has(former));
  assert.equal(b.roster.rows.size, 19);
  await a.close();
  await b.close();
});

test("whatever both offices do at once, with listening broken in between, both end up right", {
  skip,
}, async () => {
  const { a, b, database, clock } = await twoOffices();
  const codes = await a.vouchers.create({ days: 1, count: 40 });
  const names = Array.from({ length: 12 }, (_, n) => `member-${n}`);
  for (const name of names) await member(a, name, 1);
  const redeemed = new Map<string, number>();
  let seed = 5;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  const idOf = async (office: Office, name: string) => (await office.accounts.byName(name))?.id ?? "nobody";
  const step = async (office: Office) => {
    const name = names[random(names.length)]!;
    const { accounts, vouchers } = office;
    switch (random(8)) {
      case 0:
        return void (await accounts.signUp({ name, password: PASSWORD }));
      case 1:
        return void (await accounts.terminate(name));
      case 2:
        return void (await accounts.reinstate(name));
      case 3:
        return void (await accounts.renewVpnCredentials(await idOf(office, name)));
      case 4:
        return void (random(3) === 0 && (await accounts.remove(await idOf(office, name))));
      case 5:
        return void (await accounts.extend(await idOf(office, name), 1));
      default: {
        const code = codes[random(codes.length)]!;
        const outcome = await vouchers.redeem(await idOf(office, name), code);
        if (outcome.ok) redeemed.set(code, (redeemed.get(code) ?? 0) + 1);
      }
    }
  };
  const worker = async (office: Office) => {
    for (let n = 0; n < 50; n++) await step(office);
  };
  const breaking = async () => {
    for (let n = 0; n < 4; n++) {
      await pause(150);
      await breakListening(database);
    }
  };
  const sweeping = async (office: Office) => {
    for (let n = 0; n < 10; n++) {
      await sweep(office.store, clock);
      await pause(20);
    }
  };
  await Promise.all([
    ...[a, b, a, b].map(worker),
    breaking(),
    sweeping(a),
    sweeping(b),
    b.accounts.renewAllVpnCredentials(),
  ]);
  await until(async () => (await same(a)) && (await same(b)), "both rosters are what the database says");
  assert.ok(
    [...redeemed.values()].every((times) => times === 1),
    "no voucher twice",
  );
  assert.equal((await a.vouchers.counts()).used, redeemed.size, "and none lost");
  // Five days later nobody is in it who had no more than a day: both take the same rows out.
  clock.advance(5 * DAY_S * 1000);
  await Promise.all([a.feed.prune(), b.feed.prune()]);
  await until(async () => (await same(a)) && (await same(b)), "and after pruning");
  await a.close();
  await b.close();
});

test("a member's cut-off does not wait for a walk through all the others", { skip }, async () => {
  const { a, b, database } = await twoOffices();
  const template = await member(a, "alice");
  const row = await a.store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
  const many = Array.from({ length: 20_000 }, (_, n) => ({
    ...row,
    id: `id${n}`,
    name: `n${n}`,
    vpn_salt: n.toString(16).padStart(32, "0"),
    vpn_tag: `tag${n}`,
  }));
  for (let at = 0; at < many.length; at += 1000)
    await a.store.db
      .insertInto("accounts")
      .values(many.slice(at, at + 1000))
      .execute();
  await breakListening(database);
  await until(() => b.roster.rows.size > 3000, "the walk goes on");
  assert.ok(b.roster.rows.size < 20_000, "and is not through");
  const { username } = await a.accounts.vpnCredentials(template);
  await a.accounts.terminate("alice");
  await until(() => !b.roster.rows.has(username), "alice is cut off");
  assert.ok(b.roster.rows.size < 20_000, "while the walk still goes on");
  await until(async () => b.roster.rows.size === 20_000, "all are known in the end");
  assert.ok(await same(b));
  await a.close();
  await b.close();
});
