import assert from "node:assert/strict";
import { createECDH, generateKeyPairSync, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type OwnServer, saveServers } from "../fleet/servers.ts";
import { FakeClock } from "../lib/clock.ts";
import { sweep } from "../store/inventory.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { Accounts } from "./accounts.ts";
import { acceptDeviceName, acceptPublicKey } from "./device-rules.ts";
import { Devices } from "./devices.ts";

const DAY_S = 86_400;

/** As `wg genkey | wg pubkey` makes it. */
const newKey = (): string =>
  generateKeyPairSync("x25519")
    .publicKey.export({ format: "der", type: "spki" })
    .subarray(12)
    .toString("base64");

const server = (name: string): OwnServer => ({
  name,
  host: `${name}.example.net`,
  city: "",
  country: "",
  countryCode: "XX",
  latitude: 0,
  longitude: 0,
  bandwidthMbit: 1,
  addresses: [],
  services: [],
});

async function newOffice(kind: StoreKind, options: { most?: number; drawIndex?: () => number } = {}) {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 34, 56));
  const { store, openAgain, files } = await openTestStore(kind);
  await saveServers(store, [server("london1"), server("oslo1")]);
  const accounts = new Accounts({ store, clock, siteSecret: new Uint8Array(32).fill(7) });
  const devices = new Devices({ store, accounts, ...options });
  const changes: string[] = [];
  devices.onChange((accountId) => changes.push(accountId));
  const member = async (name: string, days = 30): Promise<string> => {
    const made = await accounts.signUp({ name, password: "correct horse battery" });
    assert.ok(made.ok);
    if (days > 0) assert.ok((await accounts.extend(made.value.id, days)).ok);
    return made.value.id;
  };
  const add = async (accountId: string, publicKey = newKey(), name?: string) => {
    const added = await devices.add(accountId, { publicKey, name });
    assert.ok(added.ok);
    return added.value;
  };
  return { clock, store, openAgain, files, accounts, devices, changes, member, add };
}

onEachStore("a device is added, enabled on servers, listed and removed", async (kind) => {
  const { store, devices, changes, member, add, files } = await newOffice(kind);
  const [alice, bob] = [await member("alice"), await member("bob")];
  const key = newKey();
  const device = await add(alice, key, "  Laptop ");
  assert.deepEqual(device, {
    id: device.id,
    publicKey: key,
    index: device.index,
    name: "Laptop",
    servers: [],
  });
  const phone = await add(alice);
  assert.notEqual(phone.index, device.index);
  assert.ok((await devices.enable(alice, device.id, "oslo1")).ok);
  for (const _ of [1, 2])
    assert.deepEqual(await devices.enable(alice, device.id, "london1"), {
      ok: true,
      value: { ...device, servers: ["london1", "oslo1"] },
    });
  assert.deepEqual(await devices.list(alice), [{ ...device, servers: ["london1", "oslo1"] }, phone]);
  assert.deepEqual(await devices.of(alice, phone.id), phone);
  assert.equal(await devices.countOf(alice), 2);
  assert.deepEqual(new Set(changes), new Set([alice]));

  assert.deepEqual(await devices.list(bob), []);
  assert.equal(await devices.of(bob, phone.id), undefined, "somebody else's is none of his");
  const unknown = { ok: false, error: "device-unknown" };
  assert.deepEqual(await devices.enable(bob, phone.id, "london1"), unknown);
  assert.deepEqual(await devices.remove(bob, phone.id), unknown);
  assert.deepEqual(await devices.enable(alice, phone.id, "paris1"), { ok: false, error: "server-unknown" });

  changes.length = 0;
  assert.ok((await devices.remove(alice, device.id)).ok);
  assert.deepEqual(await devices.remove(alice, device.id), unknown);
  assert.deepEqual(await devices.list(alice), [phone]);
  assert.deepEqual(changes, [alice], "what was refused is not told");
  assert.deepEqual(await store.db.selectFrom("device_servers").selectAll().execute(), []);
  if (kind === "sqlite") assert.ok(!(await files()).some((bytes) => bytes.includes(key)), "no byte is left");
  await store.close();
});

onEachStore(
  "a key that is another member's is refused; one's own once more is the same device",
  async (kind) => {
    const { store, devices, member, add } = await newOffice(kind);
    const [alice, bob] = [await member("alice"), await member("bob")];
    const device = await add(alice);
    assert.deepEqual(await devices.add(bob, { publicKey: device.publicKey }), {
      ok: false,
      error: "key-taken",
    });
    assert.deepEqual(await add(alice, device.publicKey, "again"), device);
    assert.deepEqual([await devices.countOf(alice), await devices.countOf(bob)], [1, 0]);
    const gone = await devices.add("nobody", { publicKey: newKey() });
    assert.deepEqual(gone, { ok: false, error: "account-unknown" });
    await store.close();
  },
);

onEachStore("an account has at most so many devices, also when all are added at one time", async (kind) => {
  const { store, devices, member } = await newOffice(kind, { most: 3 });
  const alice = await member("alice");
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, () => devices.add(alice, { publicKey: newKey() })),
  );
  assert.equal(outcomes.filter(({ ok }) => ok).length, 3);
  assert.ok(outcomes.every((outcome) => outcome.ok || outcome.error === "too-many-devices"));
  await store.close();
});

onEachStore("two devices never have one number, and where all are taken that is said", async (kind) => {
  const draws = [5, 5, 5, 6];
  const { store, devices, member, add } = await newOffice(kind, { drawIndex: () => draws.shift() ?? 5 });
  const alice = await member("alice");
  assert.deepEqual([(await add(alice)).index, (await add(alice)).index], [5, 6]);
  const outcome = await devices.add(alice, { publicKey: newKey() });
  assert.deepEqual(outcome, { ok: false, error: "addresses-exhausted" });
  await store.close();
});

onEachStore("what servers have to know follows the account and the devices", async (kind) => {
  const { store, clock, accounts, devices, member, add } = await newOffice(kind);
  const [alice, bob] = [await member("alice"), await member("bob", 0)];
  const device = await add(alice);
  await add(alice);
  assert.deepEqual(await devices.peersOf([alice]), [{ accountId: alice, peers: [] }], "enabled nowhere yet");
  for (const name of ["oslo1", "london1"]) await devices.enable(alice, device.id, name);
  const unpaid = await add(bob);
  await devices.enable(bob, unpaid.id, "london1");

  const { username } = await accounts.vpnCredentials(alice);
  const peer = {
    publicKey: new Uint8Array(Buffer.from(device.publicKey, "base64")),
    index: device.index,
    until: Math.ceil(clock.now() / 60_000) + 30 * 1440,
    owner: username,
  };
  const [of] = await devices.peersOf([alice, bob, "nobody"]);
  const byServer = (a: { server: string }, b: { server: string }) => (a.server < b.server ? -1 : 1);
  assert.deepEqual(of?.peers.toSorted(byServer), [
    { server: "london1", ...peer },
    { server: "oslo1", ...peer },
  ]);
  const page = await devices.peersAfter("");
  assert.deepEqual(
    page.map(({ accountId, peers }) => [accountId, peers.length]).toSorted(),
    [
      [alice, 2],
      [bob, 0],
    ].toSorted(),
  );
  assert.deepEqual(await devices.peersAfter(page.at(-1)!.accountId), []);

  await accounts.renewVpnCredentials(alice);
  const renewed = (await accounts.vpnCredentials(alice)).username;
  assert.deepEqual(
    (await devices.peersOf([alice]))[0]?.peers.map(({ owner }) => owner),
    [renewed, renewed],
    "new credentials, and the device stays",
  );
  await accounts.terminate("alice");
  assert.deepEqual(await devices.peersOf([alice]), [{ accountId: alice, peers: [] }]);
  assert.equal((await devices.list(alice)).length, 2);
  await store.close();
});

onEachStore(
  "devices go with their account, deleted or swept, and with a server their place on it",
  async (kind) => {
    const { store, clock, accounts, devices, member, add } = await newOffice(kind);
    const [alice, bob] = [await member("alice"), await member("bob")];
    for (const id of [alice, bob]) await devices.enable(id, (await add(id)).id, "oslo1");
    await accounts.remove(alice);
    assert.deepEqual([await devices.countOf(alice), await devices.countOf(bob)], [0, 1]);
    await saveServers(store, [server("london1")]);
    assert.deepEqual((await devices.list(bob))[0]?.servers, []);
    clock.advance(61 * DAY_S * 1000);
    await sweep(store, clock);
    assert.equal(await devices.countOf(bob), 0);
    for (const table of ["devices", "device_servers"] as const)
      assert.deepEqual(await store.db.selectFrom(table).selectAll().execute(), []);
    await store.close();
  },
);

onEachStore("another office on the database hears whose devices have changed", async (kind) => {
  const { store, openAgain, accounts, devices, member } = await newOffice(kind);
  const alice = await member("alice");
  if (kind === "postgres") {
    const other = new Devices({ store: await openAgain(), accounts });
    const heard = Promise.withResolvers<string>();
    const stop = await other.onNews(heard.resolve);
    await devices.add(alice, { publicKey: newKey() });
    assert.equal(await heard.promise, alice);
    await stop();
  }
  await store.close();
});

test("what is no WireGuard key is refused", () => {
  const bytes = (...at: [number, number][]) => {
    const key = Buffer.alloc(32);
    for (const [index, value] of at) key[index] = value;
    return key.toString("base64");
  };
  const p = Buffer.alloc(32, 0xff);
  p[0] = 0xed;
  p[31] = 0x7f;
  const withHighBit = Buffer.from(newKey(), "base64");
  withHighBit[31] = (withHighBit[31] ?? 0) | 0x80;
  // Points of small order: RFC 7748 section 6.1, the two of order 8 from https://cr.yp.to/ecdh.html#validate
  const small = [
    bytes(),
    bytes([0, 1]),
    Buffer.from("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", "hex").toString("base64"),
    Buffer.from("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", "hex").toString("base64"),
  ];
  const wrong = [
    "",
    "hello",
    newKey().slice(0, -1),
    `${newKey()}=`,
    `${newKey()}\n[Peer]`,
    `${newKey().slice(0, 42)}B=`,
    Buffer.alloc(31, 9).toString("base64"),
    Buffer.alloc(33, 9).toString("base64"),
    "é".repeat(44),
    "A".repeat(1_000_000),
    p.toString("base64"),
    withHighBit.toString("base64"),
    createECDH("prime256v1").generateKeys("base64"),
    ...small,
  ];
  for (const key of wrong)
    assert.deepEqual(acceptPublicKey(key), { ok: false, error: "key-invalid" }, key.slice(0, 50));
  const key = newKey();
  assert.deepEqual(acceptPublicKey(` ${key}\r\n`), { ok: true, value: key });
});

test("any text is taken as a key or refused, and a random number as a rule is one", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      acceptPublicKey(text);
    }),
  );
  for (let n = 0; n < 100; n++) {
    const bytes = randomBytes(32);
    bytes[31] = (bytes[31] ?? 0) & 0x7f;
    assert.ok(acceptPublicKey(bytes.toString("base64")).ok);
  }
});

test("a device's name is one line that shows what it says", () => {
  assert.deepEqual(acceptDeviceName(undefined), { ok: true, value: undefined });
  assert.deepEqual(acceptDeviceName("  "), { ok: true, value: undefined });
  assert.deepEqual(acceptDeviceName(" Küche 📱 "), { ok: true, value: "Küche 📱" });
  for (const name of ["a\nb", "a\u0000", "a\u202eb", "x".repeat(41), "\ud800"])
    assert.deepEqual(acceptDeviceName(name), { ok: false, error: "device-name-invalid" });
});
