import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Accounts } from "../accounts/accounts.ts";
import { Devices } from "../accounts/devices.ts";
import { Passwords } from "../accounts/passwords.ts";
import { FakeClock } from "../lib/clock.ts";
import type { Peer } from "../link/peers.ts";
import { until } from "../link/testing.ts";
import type { Store } from "../store/open.ts";
import { onEachStore, openTestStore, postgresSkip } from "../store/testing.ts";
import { feedPeers } from "./peers-feed.ts";
import { saveServers } from "./servers.ts";

const siteSecret = new Uint8Array(32).fill(7);
const PASSWORD = "correct horse battery";
const hash = await new Passwords().hash(PASSWORD);
/** One hash for all: what is tested here is not the hash. */
const quickPasswords = { hash: async () => hash, verify: async () => true } as unknown as Passwords;

const place = { city: "", country: "", countryCode: "XX", latitude: 0, longitude: 0, bandwidthMbit: 1 };
const server = (name: string) => ({ ...place, name, host: name, addresses: [], services: [] });

/** Keeps what it is told, as the publisher would. */
class Notebook {
  peers = new Map<string, Peer>();
  told = 0;
  setPeer(name: string, peer: Peer): void {
    this.told++;
    this.peers.set(`${name} ${base64(peer.publicKey)}`, peer);
  }
  removePeer(name: string, publicKey: Uint8Array): void {
    this.told++;
    this.peers.delete(`${name} ${base64(publicKey)}`);
  }
  get names(): string[] {
    return [...this.peers.keys()].toSorted();
  }
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

async function openOffice(store: Store, clock: FakeClock) {
  const accounts = new Accounts({ store, clock, siteSecret, passwords: quickPasswords });
  const devices = new Devices({ store, accounts });
  const publisher = new Notebook();
  const feed = () => feedPeers({ devices, owners: accounts.roster, publisher, clock });
  return { store, clock, accounts, devices, publisher, feed };
}
type Office = Awaited<ReturnType<typeof openOffice>>;

async function newOffice(kind: "sqlite" | "postgres") {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  const { store, openAgain } = await openTestStore(kind);
  await saveServers(store, [server("berlin1"), server("oslo1")], "office:a");
  return { ...(await openOffice(store, clock)), openAgain };
}

async function member({ accounts }: Office, name: string, days = 30): Promise<string> {
  const made = await accounts.signUp({ name, password: PASSWORD });
  assert.ok(made.ok);
  await accounts.extend(made.value.id, days);
  return made.value.id;
}

async function device({ devices }: Office, account: string, ...servers: string[]) {
  const key = randomBytes(32);
  key[31]! &= 127;
  const publicKey = key.toString("base64");
  const made = await devices.add(account, { publicKey });
  assert.ok(made.ok);
  for (const name of servers) assert.ok((await devices.enable(account, made.value.id, name)).ok);
  return { ...made.value, at: (name: string) => `${name} ${made.value.publicKey}` };
}

onEachStore("servers have the devices enabled on them, and what becomes of these", async (kind) => {
  const office = await newOffice(kind);
  const { accounts, devices, publisher } = office;
  const alice = await member(office, "alice");
  const phone = await device(office, alice, "berlin1", "oslo1");
  const feed = await office.feed();
  const has = (names: string[], what: string) => {
    const wanted = names.toSorted().join();
    return until(() => publisher.names.join() === wanted, what);
  };
  assert.deepEqual(publisher.names, [phone.at("berlin1"), phone.at("oslo1")].toSorted());
  const [peer] = [...publisher.peers.values()];
  const { username } = await accounts.vpnCredentials(alice);
  assert.equal(peer?.owner, username);
  assert.equal(peer?.index, phone.index);
  assert.equal(peer?.until, (await accounts.byName("alice"))!.paidUntil! / 60);

  const laptop = await device(office, alice, "oslo1");
  await has([phone.at("berlin1"), phone.at("oslo1"), laptop.at("oslo1")], "a device more");
  assert.ok((await devices.remove(alice, phone.id)).ok);
  await has([laptop.at("oslo1")], "a device less");

  const renewed = await accounts.renewVpnCredentials(alice);
  assert.ok(renewed.ok);
  await until(() => publisher.peers.get(laptop.at("oslo1"))?.owner === renewed.value.username, "its owner");
  await accounts.terminate("alice");
  await has([], "none of a terminated account");
  await accounts.reinstate("alice");
  await has([laptop.at("oslo1")], "back");
  await accounts.remove(alice);
  await has([], "none of an account that is gone");
  await feed.close();
  await office.store.close();
});

onEachStore("devices whose time is over go, and so do those of a server that is no more", async (kind) => {
  const office = await newOffice(kind);
  const { publisher, clock } = office;
  const alice = await member(office, "alice", 1);
  const phone = await device(office, alice, "berlin1");
  const bob = await member(office, "bob", 30);
  const laptop = await device(office, bob, "berlin1", "oslo1");
  const feed = await office.feed();
  feed.serversChanged(["berlin1", "oslo1"]);
  clock.advance(5 * 86_400_000);
  await feed.prune();
  assert.equal(publisher.names.includes(phone.at("berlin1")), false);

  const before = publisher.told;
  feed.serversChanged(["oslo1", "berlin1"]);
  await saveServers(office.store, [server("berlin1")], "office:a");
  assert.equal(publisher.told, before);
  feed.serversChanged(["berlin1"]);
  await until(() => publisher.names.join() === laptop.at("berlin1"), "one server");
  await feed.close();
  await office.store.close();
});

test("what another office changes of a device is heard", { skip: postgresSkip() }, async () => {
  const one = await newOffice("postgres");
  const other = await openOffice(await one.openAgain(), one.clock);
  const feed = await one.feed();
  const alice = await member(other, "alice");
  const phone = await device(other, alice, "berlin1");
  await until(() => one.publisher.names.join() === phone.at("berlin1"), "the device");
  await other.accounts.terminate("alice");
  await until(() => one.publisher.names.length === 0, "the end of the account");
  await feed.close();
  await other.store.close();
  await one.store.close();
});
