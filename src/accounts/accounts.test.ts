import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { sql } from "kysely";
import { base32 } from "../lib/base32.ts";
import { FakeClock } from "../lib/clock.ts";
import { inventory, sweep } from "../store/inventory.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { Accounts } from "./accounts.ts";
import type { AccountChange } from "./changes.ts";
import { Passwords } from "./passwords.ts";
import type { RosterCredential } from "./vpn-credentials.ts";

const DAY_S = 86_400;
const siteSecret = new Uint8Array(32).fill(7);
const PASSWORD = "correct horse battery";

/** Counts the checks of a password, which is the work that a login costs. */
class CountingPasswords extends Passwords {
  checks = 0;
  override verify(phc: string | undefined, password: string): Promise<boolean> {
    this.checks++;
    return super.verify(phc, password);
  }
}

async function newOffice(kind: StoreKind) {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 34, 56));
  const { store, openAgain, files } = await openTestStore(kind);
  const passwords = new CountingPasswords();
  const accounts = new Accounts({ store, clock, siteSecret, passwords });
  const changes: AccountChange[] = [];
  accounts.roster.onChange((change) => changes.push(change));
  return { files, openAgain, clock, store, passwords, accounts, changes };
}
type Office = Awaited<ReturnType<typeof newOffice>>;

async function member({ accounts }: Office, name = "alice", days = 30): Promise<string> {
  const made = await accounts.signUp({ name, password: PASSWORD, email: `${name}@example.org` });
  assert.ok(made.ok);
  if (days > 0) assert.ok((await accounts.extend(made.value.id, days)).ok);
  return made.value.id;
}

onEachStore("an account is made, in lower case, without paid time, and logs in", async (kind) => {
  const office = await newOffice(kind);
  const made = await office.accounts.signUp({ name: "Alice.B", password: PASSWORD, email: "  " });
  assert.ok(made.ok);
  assert.match(made.value.id, /^[a-z2-7]{26}$/);
  const today = Date.UTC(2030, 5, 1) / 1000;
  assert.deepEqual(made.value, {
    id: made.value.id,
    name: "alice.b",
    email: undefined,
    paidUntil: undefined,
    takenBack: undefined,
    deleteAfter: today + 31 * DAY_S,
    terminated: false,
    emailVerified: false,
    renews: false,
  });
  const login = await office.accounts.logIn("ALICE.B", PASSWORD);
  assert.deepEqual(login?.account, made.value);
  assert.deepEqual(await office.accounts.stampOf(made.value.id), login);
  assert.deepEqual(office.changes, [], "the exits hear nothing of an account that may not go online");
  await office.store.close();
});

onEachStore("what is wrong with a sign-up is named, and nothing is stored", async (kind) => {
  const office = await newOffice(kind);
  const good = { name: "alice", password: PASSWORD };
  const cases: [object, string][] = [
    [{ name: "al" }, "name-invalid"],
    [{ name: "a".repeat(41) }, "name-invalid"],
    [{ name: "al ice" }, "name-invalid"],
    [{ name: "alice\u0000" }, "name-invalid"],
    [{ name: "alice\n" }, "name-invalid"],
    [{ name: "älice" }, "name-invalid"],
    [{ name: "\u212Aelvin" }, "name-invalid"], // the Kelvin sign, whose lower case is k
    [{ name: "a".repeat(1_000_000) }, "name-invalid"],
    [{ password: "ninechars" }, "password-short"],
    [{ password: "\u{1F511}".repeat(9) }, "password-short"],
    [{ password: "x".repeat(1025) }, "password-long"],
    [{ password: "x".repeat(10_000) }, "password-long"],
    [{ password: "x".repeat(10_000_000) }, "password-long"],
    [{ name: "alicealice", password: "AliceAlice" }, "password-is-name"],
    [{ email: "alice" }, "email-invalid"],
    [{ email: "alice@localhost" }, "email-invalid"],
    [{ email: "a@b@example.org" }, "email-invalid"],
    [{ email: "a\nBcc: b@example.org" }, "email-invalid"],
    [{ email: `${"a".repeat(250)}@example.org` }, "email-invalid"],
  ];
  for (const [change, error] of cases)
    assert.deepEqual(await office.accounts.signUp({ ...good, ...change }), { ok: false, error }, error);
  assert.deepEqual(await office.store.db.selectFrom("accounts").selectAll().execute(), []);
  await office.store.close();
});

onEachStore(
  "the longest password and the shortest name are taken, and a letter may be composed in two ways",
  async (kind) => {
    const office = await newOffice(kind);
    const password = "\u{1F511}".repeat(1023);
    assert.ok((await office.accounts.signUp({ name: "a-1", password: `${password}\u00e9` })).ok);
    assert.ok(await office.accounts.logIn("a-1", `${password}e\u0301`));
    await office.store.close();
  },
);

onEachStore("of two sign-ups for one name at the same time exactly one wins", async (kind) => {
  const office = await newOffice(kind);
  const outcomes = await Promise.all(
    ["alice", "Alice", "ALICE"].map((name, at) =>
      office.accounts.signUp({ name, password: `${PASSWORD} ${at}` }),
    ),
  );
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
  for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error, "name-taken");
  const winner = outcomes.findIndex(({ ok }) => ok);
  assert.ok(await office.accounts.logIn("alice", `${PASSWORD} ${winner}`));
  await office.store.close();
});

onEachStore("unknown name and wrong password: one answer, the same work", async (kind) => {
  const office = await newOffice(kind);
  await member(office);
  const tries: [string, string][] = [
    ["alice", "wrong horse battery"],
    ["nobody", PASSWORD],
    ["no such name!", PASSWORD],
    ["", ""],
  ];
  for (const [name, password] of tries) {
    office.passwords.checks = 0;
    assert.equal(await office.accounts.logIn(name, password), undefined);
    assert.equal(office.passwords.checks, 1, name);
  }
  await office.store.close();
});

test("the check of an unknown name takes as much work as that of a wrong password", async () => {
  const passwords = new Passwords();
  const phc = await passwords.hash(PASSWORD);
  const took = async (hash: string | undefined) => {
    // Processor time of all threads: what a busy machine adds to the wall clock says nothing here.
    const start = process.cpuUsage();
    assert.equal(await passwords.verify(hash, "wrong horse battery"), false);
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  await took(phc);
  const known: number[] = [];
  const unknown: number[] = [];
  for (let i = 0; i < 7; i++) {
    known.push(await took(phc));
    unknown.push(await took(undefined));
  }
  const best = (times: number[]) => Math.min(...times);
  assert.ok(best(unknown) > best(known) / 2 && best(unknown) < best(known) * 2);
});

test("a flood of logins is turned away when the queue is full, and works again after it", async () => {
  const passwords = new Passwords({ atOnce: 2, queueLength: 3 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 9 }, () => passwords.verify(undefined, "x")),
  );
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 5);
  for (const outcome of outcomes)
    if (outcome.status === "rejected") assert.equal(outcome.reason.name, "BusyError");
  assert.equal(await passwords.verify(await passwords.hash("x"), "x"), true);
});

onEachStore(
  "VPN credentials are HMACs of the salt under the site secret, and stand nowhere in the store",
  async (kind) => {
    const office = await newOffice(kind);
    const id = await member(office);
    const row = await office.store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
    const mac = (what: string) =>
      createHmac("sha256", siteSecret).update(Buffer.from(row.vpn_salt, "hex")).update(what).digest();
    const credentials = await office.accounts.vpnCredentials(id);
    assert.deepEqual(credentials, {
      username: base32(mac("name"), 12),
      password: base32(mac("password"), 20),
    });
    await office.store.scrub();
    for (const bytes of await office.files())
      assert.ok(!bytes.includes(credentials.username) && !bytes.includes(credentials.password));
    assert.equal((await office.accounts.byVpnUsername(` ${credentials.username.toUpperCase()} `))?.id, id);
    assert.equal(await office.accounts.byVpnUsername("aaaaaaaaaaaa"), undefined);
    await office.store.close();
  },
);

onEachStore("a VPN username that another account has is drawn again", async (kind) => {
  const office = await newOffice(kind);
  await member(office, "alice");
  // Makes the first draw of every new account look taken.
  const statements = {
    sqlite: [
      `create trigger taken before insert on accounts when (select count(*) from vouchers) = 0
       begin insert into vouchers (code_hash, days, used, delete_after) values ('drawn', 1, 0, 1); select raise(ignore); end`,
    ],
    postgres: [
      `create or replace function ignore() returns trigger language plpgsql as
       $$ begin insert into vouchers (code_hash, days, used, delete_after) values ('drawn', 1, 0, 1); return null; end $$`,
      `create or replace function drawn() returns bool language sql as $$ select exists (select from vouchers) $$`,
      `create trigger taken before insert on accounts for each row when (not drawn())
       execute function ignore()`,
    ],
  };
  for (const statement of statements[kind]) await sql.raw(statement).execute(office.store.db);
  const made = await office.accounts.signUp({ name: "bob", password: PASSWORD });
  assert.ok(made.ok);
  // The next test gets the same database.
  if (kind === "postgres") await sql`drop trigger taken on accounts`.execute(office.store.db);
  await office.store.close();
});

onEachStore("paid time is counted from its end, or from now, in whole minutes", async (kind) => {
  const office = await newOffice(kind);
  const id = await member(office, "alice", 0);
  const minute = Math.ceil(office.clock.now() / 60_000) * 60;
  assert.equal((await office.accounts.extend(id, 1)).ok, true);
  assert.equal((await office.accounts.byName("alice"))?.paidUntil, minute + DAY_S);
  await office.accounts.extend(id, 2);
  assert.equal((await office.accounts.byName("alice"))?.paidUntil, minute + 3 * DAY_S);
  office.clock.advance(10 * DAY_S * 1000);
  await office.accounts.extend(id, 1);
  const account = await office.accounts.byName("alice");
  assert.equal(account?.paidUntil, minute + 11 * DAY_S);
  assert.equal(account?.deleteAfter, minute + 41 * DAY_S);
  assert.deepEqual(await office.accounts.extend("nobody", 1), { ok: false, error: "account-unknown" });
  for (const days of [0, -1, 1.5, 3661, Number.NaN])
    await assert.rejects(office.accounts.extend(id, days), RangeError);
  await office.store.close();
});

onEachStore(
  "the exits hear of paid time, new credentials, termination and deletion, in that order",
  async (kind) => {
    const office = await newOffice(kind);
    const { accounts, changes } = office;
    const id = await member(office);
    const first = await accounts.vpnCredentials(id);
    const digest = (text: string) => new Uint8Array(Buffer.from(sha256(text), "hex"));
    const untilMinutes = (await accounts.byName("alice"))!.paidUntil! / 60;
    const renewed = await accounts.renewVpnCredentials(id);
    assert.ok(renewed.ok);
    assert.notEqual(renewed.value.username, first.username);
    await accounts.terminate("Alice");
    await accounts.reinstate("alice");
    await accounts.remove(id);
    const credential = (vpn: { username: string; password: string }) => ({
      kind: "credential",
      vpnUsername: vpn.username,
      passwordDigest: digest(vpn.password),
      untilMinutes,
    });
    const told = changes.map((change) => {
      if (change.kind === "gone") return change;
      const { ntHash: _, ...rest } = change;
      return rest;
    });
    assert.deepEqual(told, [
      credential(first),
      { ...credential(renewed.value), oldVpnUsername: first.username },
      { kind: "gone", vpnUsername: renewed.value.username },
      credential(renewed.value),
      { kind: "gone", vpnUsername: renewed.value.username },
    ]);
    await office.store.close();
  },
);

onEachStore("nothing is announced of what is rolled back", async (kind) => {
  const office = await newOffice(kind);
  const id = await member(office, "alice", 0);
  const refused = await office.accounts.transact(async (trx, announce) => {
    await office.accounts.extendIn(trx, announce, id, 30);
    return { ok: false, error: "no" };
  });
  assert.deepEqual(refused, { ok: false, error: "no" });
  await assert.rejects(
    office.accounts.transact(async (trx, announce) => {
      await office.accounts.extendIn(trx, announce, id, 30);
      throw new Error("power cut");
    }),
    /power cut/,
  );
  assert.deepEqual(office.changes, []);
  assert.equal((await office.accounts.byName("alice"))?.paidUntil, undefined);
  assert.ok((await office.accounts.extend(id, 1)).ok, "the next change works");
  await office.store.close();
});

onEachStore("a listener is called only once the change can be read", async (kind) => {
  const office = await newOffice(kind);
  const id = await member(office, "alice", 0);
  const seen: Promise<number | undefined>[] = [];
  office.accounts.roster.onChange(() =>
    seen.push(office.accounts.byName("alice").then((account) => account?.paidUntil)),
  );
  await office.accounts.extend(id, 1);
  assert.equal(typeof (await seen[0]), "number");
  await office.store.close();
});

onEachStore(
  "a terminated account has no access and takes no time, but its member can still log in",
  async (kind) => {
    const office = await newOffice(kind);
    const id = await member(office);
    const paid = (await office.accounts.byName("alice"))?.paidUntil;
    const terminated = await office.accounts.terminate("alice");
    assert.ok(terminated.ok && terminated.value.terminated);
    assert.equal(terminated.value.deleteAfter, Date.UTC(2030, 5, 1) / 1000 + 31 * DAY_S);
    assert.deepEqual(await office.accounts.extend(id, 1), { ok: false, error: "account-terminated" });
    assert.deepEqual(await allCredentials(office.accounts), []);
    assert.ok(await office.accounts.logIn("alice", PASSWORD));
    office.changes.length = 0;
    assert.ok((await office.accounts.renewVpnCredentials(id)).ok);
    assert.equal(office.changes[0]?.kind, "gone");
    const back = await office.accounts.reinstate("alice");
    assert.ok(back.ok && back.value.paidUntil === paid);
    assert.deepEqual(await office.accounts.terminate("nobody"), { ok: false, error: "account-unknown" });
    await office.store.close();
  },
);

onEachStore(
  "a new password ends the old one and the old stamp; the VPN credentials stay unless renewed",
  async (kind) => {
    const office = await newOffice(kind);
    const id = await member(office);
    const before = await office.accounts.stampOf(id);
    const vpn = await office.accounts.vpnCredentials(id);
    office.changes.length = 0;
    const wrong = await office.accounts.login.changePassword(id, "wrong horse", "another horse", {
      renewVpn: true,
    });
    assert.deepEqual(wrong, { ok: false, error: "password-wrong" });
    const short = await office.accounts.login.changePassword(id, PASSWORD, "short", { renewVpn: false });
    assert.deepEqual(short, { ok: false, error: "password-short" });
    const changed = await office.accounts.login.changePassword(id, PASSWORD, "another horse", {
      renewVpn: false,
    });
    assert.ok(changed.ok);
    assert.notEqual(changed.value.stamp, before?.stamp);
    assert.equal((await office.accounts.stampOf(id))?.stamp, changed.value.stamp);
    assert.deepEqual(await office.accounts.vpnCredentials(id), vpn);
    assert.equal(await office.accounts.logIn("alice", PASSWORD), undefined);
    assert.deepEqual(office.changes, []);
    assert.ok(
      (await office.accounts.login.changePassword(id, "another horse", PASSWORD, { renewVpn: true })).ok,
    );
    assert.notDeepEqual(await office.accounts.vpnCredentials(id), vpn);
    assert.equal(office.changes.length, 1);
    await office.store.close();
  },
);

onEachStore(
  "of two password changes at the same time one wins, and its password is the one that works",
  async (kind) => {
    const office = await newOffice(kind);
    const id = await member(office);
    const outcomes = await Promise.all(
      [1, 2].map((n) =>
        office.accounts.login.changePassword(id, PASSWORD, `another horse ${n}`, { renewVpn: false }),
      ),
    );
    assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
    const winner = outcomes.findIndex(({ ok }) => ok) + 1;
    assert.ok(await office.accounts.logIn("alice", `another horse ${winner}`));
    await office.store.close();
  },
);

onEachStore("the e-mail address is set and taken out with the password alone", async (kind) => {
  const office = await newOffice(kind);
  const id = await member(office);
  const change = (password: string, email: string | undefined) =>
    office.accounts.login.changeEmail(id, password, email);
  assert.deepEqual(await change("wrong horse", "a@example.org"), { ok: false, error: "password-wrong" });
  assert.deepEqual(await change(PASSWORD, "nonsense"), { ok: false, error: "email-invalid" });
  const set = await change(PASSWORD, "new@example.org");
  assert.ok(set.ok && set.value.email === "new@example.org");
  const out = await change(PASSWORD, "");
  assert.ok(out.ok && out.value.email === undefined);
  if (kind === "sqlite")
    assert.ok(
      !(await office.files()).some((bytes) => bytes.includes("example.org")),
      "while the office runs",
    );
  await office.store.close();
});

test("a deleted account leaves no byte of it in any file, and its name is free", async () => {
  const office = await newOffice("sqlite");
  const id = await member(office, "alice");
  for (let i = 0; i < 5; i++) await member(office, `other-${i}`, 0);
  await office.accounts.renewVpnCredentials(id);
  await office.accounts.login.changePassword(id, PASSWORD, "another horse", { renewVpn: false });
  const row = await office.store.db
    .selectFrom("accounts")
    .selectAll()
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  const values = [row.id, row.name, row.password_hash, row.email!, row.vpn_salt, row.vpn_tag];
  const found = async () => {
    const files = await office.files();
    return values.filter((value) => files.some((bytes) => bytes.includes(value))).length;
  };
  assert.equal(await found(), values.length, "the search can find");
  assert.deepEqual(await office.accounts.remove(id, "wrong horse"), { ok: false, error: "password-wrong" });
  assert.deepEqual(await office.accounts.remove(id, "another horse"), { ok: true, value: undefined });
  assert.equal(await found(), 0, "while the office runs");
  assert.deepEqual(await office.accounts.remove(id), { ok: false, error: "account-unknown" });
  assert.equal(await office.accounts.stampOf(id), undefined);
  assert.equal(await office.accounts.exportEverything(id), undefined);
  await assert.rejects(office.accounts.vpnCredentials(id));
  await office.store.close();
  assert.equal(await found(), 0, "after it was stopped");
});

test("control: where the log is not cut, the same search finds the deleted account", async () => {
  const office = await newOffice("sqlite");
  await member(office, "alice");
  const { password_hash } = await office.store.db
    .selectFrom("accounts")
    .selectAll()
    .executeTakeFirstOrThrow();
  await office.store.db.deleteFrom("accounts").execute();
  assert.ok((await office.files()).some((bytes) => bytes.includes(password_hash)));
  await office.store.close();
});

onEachStore("an account without paid time goes by itself after 30 days, and not before", async (kind) => {
  const office = await newOffice(kind);
  await member(office, "unpaid", 0);
  await member(office, "paid", 10);
  office.clock.advance(30 * DAY_S * 1000);
  assert.equal(await sweep(office.store, office.clock), 0);
  office.clock.advance(DAY_S * 1000);
  assert.equal(await sweep(office.store, office.clock), 1);
  assert.ok(await office.accounts.byName("paid"));
  office.clock.advance(10 * DAY_S * 1000);
  assert.equal(await sweep(office.store, office.clock), 1);
  await office.store.close();
});

onEachStore(
  "the export has every column that the inventory calls the account's, and the VPN credentials",
  async (kind) => {
    const office = await newOffice(kind);
    const id = await member(office);
    const device = { id: "d1", account_id: id, public_key: "key", address_index: 7, name: "Laptop" };
    await office.store.db.insertInto("devices").values(device).execute();
    const place = { city: "", country: "", country_code: "XX", latitude: 0, longitude: 0, bandwidth_mbit: 1 };
    const server = { name: "oslo1", host: "h", ...place, addresses: "[]", services: "[]" };
    await office.store.db.insertInto("servers").values(server).execute();
    const onServer = { device_id: "d1", server: "oslo1" };
    await office.store.db.insertInto("device_servers").values(onServer).execute();
    const exported = (await office.accounts.exportEverything(id)) as {
      stored: { table: string; column: string; value: unknown }[];
      workedOut: { value: string }[];
      elsewhere: { where: string }[];
    };
    const row = await office.store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
    const rows: Record<string, object> = { accounts: row, devices: device, device_servers: onServer };
    // Nobody finds them by the account: they are told of, and not shown.
    const sealed = ["payment_events", "refunds_due", "cash_orders", "mail_queue", "mail_marks"];
    const expected = inventory
      .filter(
        ({ place, aboutAccount, table }) => place === "table" && aboutAccount && !sealed.includes(table),
      )
      .map(({ table, column }) => [table, column, (rows[table] as Record<string, unknown>)[column]]);
    assert.deepEqual(
      exported.stored.map(({ table, column, value }) => [table, column, value]),
      expected,
    );
    assert.equal(exported.stored.length, Object.values(rows).flatMap(Object.keys).length);
    assert.ok(
      exported.stored.every(({ value }) => value !== undefined),
      "JSON would drop it",
    );
    const { username, password } = await office.accounts.vpnCredentials(id);
    assert.deepEqual(
      exported.workedOut.map(({ value }) => value),
      [username, password],
    );
    for (const place of ["session cookie", ...sealed])
      assert.ok(
        exported.elsewhere.some(({ where }) => where === place),
        place,
      );
    await office.store.close();
  },
);

onEachStore("the roster's credentials are those that are paid now, or were three days ago", async (kind) => {
  const office = await newOffice(kind);
  await member(office, "unpaid", 0);
  const id = await member(office, "alice", 2);
  await member(office, "brief", 1);
  assert.equal((await allCredentials(office.accounts)).length, 2);
  const fromS = office.clock.now() / 1000;
  office.clock.advance(1.5 * DAY_S * 1000);
  assert.equal((await allCredentials(office.accounts)).length, 2);
  office.clock.advance(3 * DAY_S * 1000);
  const left = await allCredentials(office.accounts);
  const { username } = await office.accounts.vpnCredentials(id);
  assert.deepEqual(
    left.map(({ vpnUsername }) => vpnUsername),
    [username],
  );
  assert.equal((await office.accounts.roster.lapsed(fromS, office.clock.now() / 1000)).length, 1);
  await office.store.close();
});

onEachStore("everybody gets new VPN credentials at once", async (kind) => {
  const office = await newOffice(kind);
  const { store } = office;
  const template = await member(office, "alice");
  const row = await store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
  const copies = Array.from({ length: 700 }, (_, n) => ({
    ...row,
    id: `id${n}`,
    name: `member-${n}`,
    vpn_salt: n.toString(16).padStart(32, "0"),
    vpn_tag: `tag-${n}`,
  }));
  for (let at = 0; at < copies.length; at += 100)
    await store.db
      .insertInto("accounts")
      .values(copies.slice(at, at + 100))
      .execute();
  const old = await office.accounts.vpnCredentials(template);
  const before = new Set((await allCredentials(office.accounts)).map((each) => each.vpnUsername));
  assert.equal(before.size, 701);
  office.changes.length = 0;
  assert.equal(await office.accounts.renewAllVpnCredentials(), 701);
  assert.equal(office.changes.length, 701);
  assert.notDeepEqual(await office.accounts.vpnCredentials(template), old);
  const now = await allCredentials(office.accounts);
  assert.ok(now.every(({ vpnUsername }) => !before.has(vpnUsername)));
  await office.store.close();
});

onEachStore(
  "whatever happens in whatever order, the exits have heard of exactly who may go online",
  async (kind) => {
    const office = await newOffice(kind);
    const { accounts } = office;
    const roster = new Map<string, number>();
    accounts.roster.onChange((change) => {
      if (change.kind === "gone") roster.delete(change.vpnUsername);
      else {
        if (change.oldVpnUsername !== undefined) roster.delete(change.oldVpnUsername);
        roster.set(change.vpnUsername, change.untilMinutes);
      }
    });
    const names = ["alice", "bob", "carol"];
    const hash = await office.passwords.hash(PASSWORD);
    const quick = new Accounts({
      store: office.store,
      clock: office.clock,
      siteSecret,
      passwords: { hash: async () => hash, verify: async () => true } as unknown as Passwords,
    });
    const step = fc.record({
      name: fc.constantFrom(...names),
      what: fc.constantFrom("sign-up", "extend", "renew", "terminate", "reinstate", "remove"),
    });
    const idOf = async (name: string) => (await accounts.byName(name))?.id ?? "nobody";
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await Promise.all(
          steps.map(async ({ name, what }) => {
            if (what === "sign-up") return quick.signUp({ name, password: PASSWORD });
            if (what === "extend") return accounts.extend(await idOf(name), 30);
            if (what === "renew") return accounts.renewVpnCredentials(await idOf(name));
            if (what === "terminate") return accounts.terminate(name);
            if (what === "reinstate") return accounts.reinstate(name);
            return accounts.remove(await idOf(name));
          }),
        );
        const expected = await allCredentials(accounts);
        assert.deepEqual(
          [...roster].toSorted(),
          expected.map(({ vpnUsername, untilMinutes }) => [vpnUsername, untilMinutes]).toSorted(),
        );
      }),
      { numRuns: 15 },
    );
    await office.store.close();
  },
);

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function allCredentials(accounts: Accounts): Promise<RosterCredential[]> {
  const good: RosterCredential[] = [];
  for (let after = ""; ; ) {
    const page = await accounts.roster.credentialsAfter(after);
    if (page.length === 0) return good;
    good.push(...page.flatMap(({ credential }) => credential ?? []));
    after = page.at(-1)!.id;
  }
}
