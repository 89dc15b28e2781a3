import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { sql } from "kysely";
import { Accounts } from "../accounts/accounts.ts";
import { writeArchive } from "../backup/archive.ts";
import { textOf } from "../backup/contents.ts";
import { makeBackup } from "../backup/make.ts";
import { backupSentence, takeBack } from "../backup/take-back.ts";
import { FakeClock, systemClock } from "../lib/clock.ts";
import { ensureAuthority } from "../office/authority.ts";
import { dataFolder, ensureDataFolder } from "../office/folders.ts";
import { ensureKeys } from "../office/keys.ts";
import { requireSameSite } from "../office/same-site.ts";
import { ensureUsers } from "../office/users.ts";
import { openStore } from "../store/open.ts";
import { raiseVersionFloor } from "../store/site.ts";
import { onEachStore, openTestStore, type StoreKind, socketFolder } from "../store/testing.ts";
import { backUp } from "./backup.ts";
import { prepare, RESTORED } from "./prepare.ts";
import { restore } from "./restore.ts";
import { StartError } from "./start-error.ts";

const DAY_S = 86_400;
const PASSWORD = "correct horse battery";
const place = mkdtempSync(join(tmpdir(), "lethe-backup-"));
after(() => rmSync(place, { recursive: true }));
// The office's user, where we are root, has to reach its folder.
chmodSync(place, 0o755);
const users = ensureUsers(() => undefined);
let folders = 0;

const secretKey = await generateX25519Identity();
const recipient = await identityToRecipient(secretKey);
const identity = join(place, "key.txt");
writeFileSync(identity, `# created by a test\n${secretKey}\n`, { mode: 0o600 });
const otherIdentity = join(place, "other.txt");
writeFileSync(otherIdentity, `${await generateX25519Identity()}\n`, { mode: 0o600 });

/** Everything below a folder, with its content: whether anything has changed. */
function contentOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".lock"))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${readFileSync(path).toString("hex")}`)
    .toSorted();
}

function giveToOffice(folder: string): void {
  if (process.getuid!() !== 0) return;
  for (const entry of readdirSync(folder, { recursive: true }) as string[])
    chownSync(join(folder, entry), users.office.uid, users.office.gid);
}

/** A provider with two members, one of them overdue by now, and what leads back to it. */
async function provider(kind: StoreKind) {
  const data = join(place, `data${folders++}`);
  const folder = dataFolder(data);
  ensureDataFolder(folder, users);
  const { store, where, openAgain } = await openTestStore(kind);
  if (kind === "postgres") chmodSync(await socketFolder(), 0o755);
  const url = "url" in where ? where.url : "";
  if (url !== "") writeFileSync(folder.config, `[store]\nurl = ${JSON.stringify(url)}\n`);
  await store.close();
  const keys = ensureKeys(folder.office);
  ensureAuthority(folder.office);
  const open = () => (url === "" ? openStore({ path: join(folder.office, "lethe.db") }) : openAgain());
  const running = await open();
  await requireSameSite(running, folder.office, keys, readFileSync(join(folder.office, "ca.crt"), "utf8"));
  const accounts = new Accounts({ store: running, clock: systemClock, siteSecret: keys.siteSecret });
  const made = await accounts.signUp({ name: "alice", password: PASSWORD });
  assert.ok(made.ok);
  await accounts.extend(made.value.id, 30);
  const vpn = await accounts.vpnCredentials(made.value.id);
  assert.ok((await accounts.signUp({ name: "overdue", password: PASSWORD })).ok);
  const nowS = Math.floor(Date.now() / 1000);
  await sql`update accounts set delete_after = ${nowS - 60} where name = 'overdue'`.execute(running.db);
  const { floor } = await raiseVersionFloor(running, () => Date.now());
  giveToOffice(folder.office);
  return { data, folder, url, open, running, vpn, id: made.value.id, floor };
}

async function backedUp(kind: StoreKind) {
  const made = await provider(kind);
  const file = join(place, `backup${folders}.age`);
  await backUp(made.data, file, { to: [recipient] });
  return { ...made, file };
}

/** Nobody who has the machine reads the members' data in what was left behind. */
function assertNoTrace(data: string): void {
  for (const name of ["restoring", RESTORED]) assert.ok(!existsSync(join(data, name)), name);
  const backups = join(data, "office", "backups");
  if (existsSync(backups)) assert.ok(!readdirSync(backups).some((name) => name.startsWith("snapshot")));
}

onEachStore("a destroyed data folder is put back: members log in, who is overdue is gone", async (kind) => {
  const lost = await backedUp(kind);
  const encrypted = readFileSync(lost.file);
  assert.equal(statSync(lost.file).mode & 0o777, 0o600);
  for (const text of ["alice", "site.secret", "SQLite format"]) assert.ok(!encrypted.includes(text));
  assertNoTrace(lost.data);
  const secret = readFileSync(join(lost.folder.office, "site.secret"));
  await lost.running.close();
  rmSync(lost.data, { recursive: true });
  if (kind === "postgres") {
    const store = await lost.open();
    for (const table of ["accounts", "servers", "site"])
      await sql`delete from ${sql.table(table)}`.execute(store.db);
    await store.close();
  }
  const { restored, text } = await restore(lost.data, lost.file, { identity });
  assert.deepEqual([restored.accounts, restored.dropped], [1, 1]);
  assert.match(text, /1 accounts/);
  assertNoTrace(lost.data);
  assert.equal(statSync(lost.folder.office).mode & 0o777, 0o700);
  assert.deepEqual(readFileSync(join(lost.folder.office, "site.secret")), secret);
  if (kind === "postgres") assert.ok(!existsSync(join(lost.folder.office, "lethe.db")));
  const store = await lost.open();
  const keys = ensureKeys(lost.folder.office);
  await requireSameSite(
    store,
    lost.folder.office,
    keys,
    readFileSync(join(lost.folder.office, "ca.crt"), "utf8"),
  );
  const accounts = new Accounts({ store, clock: systemClock, siteSecret: keys.siteSecret });
  assert.ok(await accounts.logIn("alice", PASSWORD));
  assert.equal(await accounts.logIn("overdue", PASSWORD), undefined);
  assert.deepEqual(await accounts.vpnCredentials(lost.id), lost.vpn);
  const { floor } = await raiseVersionFloor(store, () => 0);
  assert.ok(floor > lost.floor && floor > Date.now(), "versions go on above all that were given");
  await store.close();
});

onEachStore("it is made while the office writes, and holds one moment", async (kind) => {
  const { data, folder, running, url } = await provider(kind);
  const file = join(place, `busy${folders}.age`);
  let stopped = false;
  const voucher = (n: number) => ({ code_hash: `${n}`, days: 1, used: 0, delete_after: 4_000_000_000 });
  const writing = (async () => {
    for (let n = 0; !stopped; n += 2)
      await running.db.transaction().execute(async (trx) => {
        await trx.insertInto("vouchers").values(voucher(n)).execute();
        await nextTurn();
        await trx
          .insertInto("vouchers")
          .values(voucher(n + 1))
          .execute();
      });
  })();
  await backUp(data, file, { to: [recipient] });
  stopped = true;
  await writing;
  await running.close();
  const target = join(place, `target${folders++}`);
  mkdirSync(target);
  const other = await openTestStore(kind);
  await other.store.close();
  const otherUrl = "url" in other.where ? other.where.url : "";
  writeFileSync(join(target, "lethe.toml"), `[store]\nurl = ${JSON.stringify(otherUrl)}\n`, { mode: 0o600 });
  await restore(target, file, { identity });
  const office = dataFolder(target).office;
  const store = await (url === "" ? openStore({ path: join(office, "lethe.db") }) : other.openAgain());
  const rows = await store.db.selectFrom("vouchers").select("code_hash").execute();
  assert.equal(rows.length % 2, 0, "no transaction by half");
  await store.close();
  // The lethe.toml that stood there stands.
  assert.match(readFileSync(join(target, "lethe.toml"), "utf8"), /^\[store\]/);
  assert.deepEqual(
    readFileSync(join(target, "lethe.toml.from-backup")).equals(readFileSync(folder.config)),
    true,
  );
});

test("a file that is cut short, damaged, foreign or for another key changes nothing", async () => {
  const { data, file, running } = await backedUp("sqlite");
  await running.close();
  const good = readFileSync(file);
  const bad = join(place, "bad.age");
  const empty = join(place, `empty${folders++}`);
  const before = contentOf(data);
  const said = /damaged|cut short|no backup|another key|no database|does not hold/;
  const attempt = async (bytes: Uint8Array, key = secretKey) => {
    const staging = mkdtempSync(join(place, "staging-"));
    const [input, identities] = [Readable.from([bytes]), [key]];
    const options = { input, identities, staging, keysOnly: false, evenOld: false, clock: systemClock };
    await assert.rejects(takeBack(options), (error: Error) => said.test(backupSentence(error) ?? ""));
  };
  /** The whole way, into nothing and over an office. */
  const attemptAll = async (bytes: Uint8Array, key = identity) => {
    writeFileSync(bad, bytes);
    for (const [target, force] of [
      [empty, false],
      [data, true],
    ] as const)
      await assert.rejects(restore(target, bad, { identity: key, force }), (error: Error) => {
        assert.ok(error instanceof StartError, error.message);
        return said.test(error.message);
      });
    assert.deepEqual(contentOf(data), before);
    assert.deepEqual(contentOf(empty), []);
  };
  for (const length of [0, 10, 200, 5000, 70_000, good.length - 1]) await attempt(good.subarray(0, length));
  for (const at of [3, 50, 150, 300, 66_000, good.length - 5]) {
    const flipped = Buffer.from(good);
    flipped[at]! ^= 1;
    await attempt(flipped);
  }
  await attempt(good, await generateX25519Identity());
  await attemptAll(good, otherIdentity);
  await attemptAll(good.subarray(0, -1));
  await attempt(Buffer.from("-----BEGIN PGP MESSAGE-----\n"));
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  await attempt(await encrypter.encrypt("somebody's letter"));
  const strange = async (...files: [string, string][]) =>
    encrypter.encrypt(
      Buffer.concat(await Array.fromAsync(writeArchive(files.map(([name, text]) => textOf(name, text))))),
    );
  const manifest = JSON.stringify({
    format: "lethe backup 1",
    madeAt: Math.floor(Date.now() / 1000),
    kind: "whole",
  });
  await attempt(await strange(["letter.txt", "hello"]));
  await attempt(await strange(["manifest.json", manifest]));
  await attempt(await strange(["manifest.json", manifest.replace("backup 1", "backup 2")]));
  const keys: [string, string][] = ["site.secret", "roster.key", "tls-crypt.key"].map((name) => [
    `office/${name}`,
    "x",
  ]);
  await attempt(
    await strange(["manifest.json", manifest], ...keys, ["lethe.toml", ""], ["lethe.db", "no database"]),
  );
  await attempt(await strange(["manifest.json", manifest], ["manifest.json", manifest]));
  const control = await restore(empty, file, { identity });
  assert.equal(control.restored.accounts, 1, "control: the good one is taken");
});

test("one of a newer version is refused, and one that is older than it may be needs a word", async () => {
  const { data, folder, running } = await provider("sqlite");
  const file = join(place, "old.age");
  const make = async (atMs: number) => {
    const output = openSync(file, "w", 0o600);
    const settings = readFileSync(folder.config, "utf8");
    const order = {
      kind: "whole",
      officeFolder: folder.office,
      settings,
      url: "",
      recipients: [recipient],
    } as const;
    await makeBackup(order, output, new FakeClock(atMs));
    closeSync(output);
    giveToOffice(folder.office);
  };
  const empty = join(place, `empty${folders++}`);
  await make(Date.now() - 31 * DAY_S * 1000);
  await assert.rejects(restore(empty, file, { identity }), /older than the 30 days .* --even-old/s);
  await make(Date.now() + DAY_S * 1000);
  await assert.rejects(restore(empty, file, { identity }), /still to come: set the clock right/);
  await make(Date.now() - 31 * DAY_S * 1000);
  assert.equal((await restore(empty, file, { identity, evenOld: true })).restored.accounts, 1);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-newer', '')`.execute(running.db);
  await running.close();
  await backUp(data, file, { to: [recipient] });
  const another = join(place, `empty${folders++}`);
  await assert.rejects(restore(another, file, { identity }), /newer version of Lethe/);
  assert.deepEqual(contentOf(another), []);
});

test("an office that is there is not overwritten; with --force it is kept, its database for a while", async () => {
  const { data, folder, file, running } = await backedUp("sqlite");
  await running.db.updateTable("accounts").set({ email: "later@example.org" }).execute();
  await running.close();
  await assert.rejects(restore(data, file, { identity }), /--force puts the backup in its place/);
  const { text } = await restore(data, file, { identity, force: true });
  const kept = readdirSync(data).find((name) => name.startsWith("replaced-"))!;
  assert.ok(text.includes(kept));
  assert.ok(existsSync(join(data, kept, "office", "site.secret")));
  assert.ok(!existsSync(join(data, kept, "office", "lethe.db")), "members' data are where the sweeper looks");
  const former = await openStore({ path: join(folder.office, "backups", "before-restore.db") });
  assert.equal(
    (await former.db.selectFrom("accounts").select("email").executeTakeFirst())?.email,
    "later@example.org",
  );
  await former.close();
  const now = await openStore({ path: join(folder.office, "lethe.db") });
  assert.equal((await now.db.selectFrom("accounts").select("email").executeTakeFirst())?.email, null);
  await now.close();
});

test("links that an office which was broken into has left lead root nowhere", async () => {
  const { data, folder, file, running } = await backedUp("sqlite");
  await running.close();
  const elsewhere = join(place, `elsewhere${folders++}`);
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, "passwd"), "root");
  const before = statSync(elsewhere);
  rmSync(join(folder.office, "backups"), { recursive: true });
  symlinkSync(elsewhere, join(folder.office, "backups"));
  await restore(data, file, { identity, force: true }).catch((error) =>
    assert.ok(error instanceof StartError),
  );
  assert.deepEqual(readdirSync(elsewhere), ["passwd"]);
  assert.equal(statSync(elsewhere).uid, before.uid);
});

test("one more office gets the keys that all share, and nothing of the first one's own", async () => {
  const { data, folder, running } = await provider("sqlite");
  const file = join(place, "keys.age");
  await backUp(data, file, { to: [recipient], keysOnly: true });
  await running.close();
  const second = join(place, `second${folders++}`);
  await restore(second, file, { identity, keysOnly: true });
  const office = dataFolder(second).office;
  assert.deepEqual(readdirSync(office).toSorted(), [
    "ca.crt",
    "ca.key",
    "link.seed",
    "roster.key",
    "site.secret",
    "tls-crypt.key",
  ]);
  for (const name of readdirSync(office))
    assert.deepEqual(readFileSync(join(office, name)), readFileSync(join(folder.office, name)), name);
  await assert.rejects(restore(join(place, "none"), file, { identity }), /no database.*--keys-only/);
  // With keys of its own it is refused by the database.
  const store = await openStore({ path: join(folder.office, "lethe.db") });
  const authority = readFileSync(join(folder.office, "ca.crt"), "utf8");
  await requireSameSite(store, office, ensureKeys(office), authority);
  const stranger = ensureKeys(mkdtempSync(join(place, "stranger-")));
  await assert.rejects(
    requireSameSite(store, office, stranger, authority),
    /another keys|other keys|keys than the one/,
  );
  await assert.rejects(requireSameSite(store, office, ensureKeys(office), "other"), /certificate authority/);
  await store.close();
});

test("what is missing or wrong is told before anything is made", async () => {
  const { data, running } = await provider("sqlite");
  await running.close();
  const before = contentOf(data);
  await assert.rejects(backUp(data, join(place, "x.age"), {}), /--to age1…, or \[backup\] to/);
  await assert.rejects(backUp(data, join(place, "x.age"), { to: ["age1nonsense"] }), /no age recipient/);
  await assert.rejects(backUp(data, join(place, "nowhere", "x.age"), { to: [recipient] }), StartError);
  const noKey = join(place, "nokey.txt");
  writeFileSync(noKey, "-----BEGIN AGE ENCRYPTED FILE-----\n");
  await assert.rejects(restore(data, identity, { identity: noKey, force: true }), /holds no secret key/);
  await assert.rejects(restore(data, join(place, "missing.age"), { identity, force: true }), StartError);
  assert.deepEqual(contentOf(data), before);
  assert.ok(!readdirSync(place).some((name) => name.startsWith("x.age")));
});

test("a start waits for a restore that was broken off in the middle", async () => {
  const { data, file, running } = await backedUp("sqlite");
  await running.close();
  mkdirSync(join(data, RESTORED));
  assert.throws(() => prepare(data, () => undefined), /broken off in the middle. Run it again, with --force/);
  await restore(data, file, { identity, force: true });
  assert.ok(!existsSync(join(data, RESTORED)));
});

test("a file that is not there is named as it was given, and nothing is said of the data folder", async () => {
  const data = join(place, "of-no-concern");
  const options = { identity };
  await assert.rejects(restore(data, "/no/such.age", options), {
    message: "/no/such.age cannot be used: it does not exist.",
  });
  await assert.rejects(restore(data, "/no/such.age", { identity: "/no/key.txt" }), {
    message: "/no/key.txt cannot be used: it does not exist.",
  });
});
