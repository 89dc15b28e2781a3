import assert from "node:assert/strict";
import { hash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../lib/clock.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import type { Peer } from "./peers.ts";
import type { ChangedPeers } from "./peers-replica.ts";
import { RosterPublisher } from "./publisher.ts";
import { RosterReplica } from "./replica.ts";
import { digestOf, key, nameOf, WatchedCarrier } from "./replica-testing.ts";
import type { ServerSettings } from "./settings.ts";
import { recordingLog, settingsFor, until } from "./testing.ts";
import * as wire from "./wire.ts";

/** The sections that not every exit has: its own WireGuard peers, and NT hashes. */

const hashKey = randomBytes(32);
const folder = mkdtempSync(join(tmpdir(), "lethe-sections-"));
after(() => rmSync(folder, { recursive: true }));

const WIREGUARD: ServerSettings["services"] = { wireguard: { port: 51_820 } };
const IKEV2: ServerSettings["services"] = { ikev2: { hashKey: hashKey.toString("base64") } };

const keyOf = (i: number) => new Uint8Array(hash("sha256", `key ${i}`, "buffer"));
const ntHashOf = (password: string) => new Uint8Array(hash("md5", password, "buffer"));
const peer = (i: number, change: Partial<Peer> = {}): Peer => ({
  publicKey: keyOf(i),
  index: i + 1,
  until: 40_000_000,
  owner: nameOf(i),
  ...change,
});
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

async function world({ ntHashes = true, seal = false } = {}) {
  const clock = new FakeClock();
  const office = new MemoryCarrier();
  const publisher = new RosterPublisher({ key, clock, carriers: [office], log: recordingLog().log });
  if (ntHashes) publisher.keepNtHashes(hashKey);
  const open: RosterReplica[] = [];
  const sealKey = randomBytes(32);
  await publisher.start();
  async function exit(server: string, services?: ServerSettings["services"]) {
    const carrier = new WatchedCarrier(office.connect({ server }));
    const { log, reasons } = recordingLog();
    const replica = new RosterReplica({
      server,
      publicKey: key.publicKey,
      carrier,
      clock,
      log,
      ...(seal && { seal: { path: join(folder, `${server}-${hex(sealKey)}`), key: sealKey } }),
      uptimeMs: () => clock.monotonic(),
      retryMs: 10,
    });
    const changed: ChangedPeers[] = [];
    replica.onPeers((each) => changed.push(each));
    if (services !== undefined) publisher.setSettings(server, settingsFor(server, { services }));
    replica.start();
    open.push(replica);
    const indices = () => [...replica.peers()].map(({ index }) => index).sort((a, b) => a - b);
    /** It has asked all that it asks at its start. */
    const settled = async () => {
      await until(() => replica.confirmed, "the office's answer");
      for (let asked = -1; asked !== carrier.requests.length; ) {
        asked = carrier.requests.length;
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    return { carrier, replica, changed, indices, settled, refusals: () => reasons("roster-refused") };
  }
  return {
    clock,
    office,
    publisher,
    exit,
    async [Symbol.asyncDispose]() {
      for (const each of open) each.close();
      await publisher.close();
    },
  };
}

test("a server has the peers that were set for it, and hears of each change by itself", async () => {
  await using it = await world();
  it.publisher.setPeer("a1", peer(1));
  const a1 = await it.exit("a1", WIREGUARD);
  await until(() => a1.indices().length === 1, "the peer");
  await a1.settled();
  assert.deepEqual([...a1.replica.peers()], [peer(1)]);
  assert.deepEqual(a1.replica.peer(keyOf(1)), peer(1));
  assert.deepEqual(a1.changed, ["all"]);

  const before = a1.carrier.requests.length;
  it.publisher.setPeer("a1", peer(2));
  it.publisher.setPeer("a1", peer(1, { until: 1 }));
  await until(() => a1.changed.length === 2, "the changes");
  it.publisher.removePeer("a1", keyOf(1));
  await until(() => a1.indices().length === 1, "the removal");
  assert.deepEqual(a1.indices(), [3]);
  assert.equal(a1.replica.peer(keyOf(1)), undefined);
  assert.deepEqual(new Set((a1.changed[1] as Uint8Array[]).map(hex)), new Set([keyOf(1), keyOf(2)].map(hex)));
  assert.equal(a1.carrier.requests.length, before, "a change is told and not asked for");

  it.publisher.replacePeers("a1", [peer(7), peer(8)]);
  await until(() => a1.indices().includes(9), "the others");
  assert.deepEqual(a1.indices(), [8, 9]);
  assert.deepEqual(a1.refusals(), []);
});

test("no other server hears anything of a server's peers", async () => {
  await using it = await world();
  for (let i = 0; i < 20; i++) it.publisher.setPeer("a1", peer(i));
  const a1 = await it.exit("a1", WIREGUARD);
  const b1 = await it.exit("b1", WIREGUARD);
  await until(() => a1.indices().length === 20, "a1's peers");
  it.publisher.setPeer("a1", peer(30));
  it.publisher.setPeer("b1", peer(40));
  await until(() => a1.indices().length === 21 && b1.indices().length === 1, "the changes");
  assert.deepEqual([...b1.replica.peers()], [peer(40)]);
  const seen = Buffer.concat([...b1.carrier.heard, ...b1.carrier.answers]);
  for (const i of [3, 30])
    assert.equal(seen.includes(Buffer.from(keyOf(i))), false, `b1 was told of device ${i}`);
  assert.equal(seen.includes(Buffer.from(keyOf(40))), true);
});

test("an exit without WireGuard asks for no peers, and one that gets it later has them at once", async () => {
  await using it = await world();
  it.publisher.setPeer("a1", peer(1));
  const a1 = await it.exit("a1", {});
  await until(() => a1.replica.version !== undefined, "the roster");
  it.publisher.setPeer("a1", peer(2));
  it.publisher.setCredential(nameOf(1), digestOf("pw"), 40_000_000);
  await until(() => a1.replica.size === 1, "the credential");
  assert.equal(a1.carrier.requests.includes(wire.REQUEST.peers), false);
  assert.deepEqual(a1.indices(), []);

  it.publisher.setSettings("a1", settingsFor("a1", { services: WIREGUARD }));
  await until(() => a1.indices().length === 2, "its peers");
  it.publisher.setSettings("a1", settingsFor("a1", { services: {} }));
  await until(() => a1.indices().length === 0, "none any more");
  assert.equal(a1.changed.at(-1), "all");
});

test("peers are gone when they have not been renewed for 72 hours", async () => {
  await using it = await world();
  it.publisher.setPeer("a1", peer(1));
  const a1 = await it.exit("a1", WIREGUARD);
  await until(() => a1.indices().length === 1, "the peer");
  await it.office.close();
  it.clock.advance(71 * 3_600_000);
  assert.deepEqual(a1.indices(), [2]);
  it.clock.advance(3_600_000);
  assert.deepEqual(a1.indices(), []);
  assert.equal(a1.replica.peer(keyOf(1)), undefined);
});

test("what was changed on the way, is another server's, or is old, changes no peers", async () => {
  await using it = await world();
  const a1 = await it.exit("a1", WIREGUARD);
  const b1 = await it.exit("b1", WIREGUARD);
  await Promise.all([a1.settled(), b1.settled()]);
  it.publisher.setPeer("a1", peer(1));
  it.publisher.setPeer("b1", peer(50));
  await until(() => a1.indices().length === 1 && b1.indices().length === 1, "the peers");
  const told = (of: typeof a1) => of.carrier.heard.filter((each) => each[0] === wire.BROADCAST.peers);
  const first = told(a1).at(-1)!;

  a1.carrier.deliver(told(b1).at(-1)!);
  assert.deepEqual(a1.refusals(), ["foreign"]);
  for (let at = 1; at < first.length; at += 7) {
    const bent = first.slice();
    bent[at]! ^= 1;
    a1.carrier.deliver(bent);
  }
  assert.deepEqual(a1.indices(), [2]);

  it.publisher.removePeer("a1", keyOf(1));
  await until(() => a1.indices().length === 0, "the removal");
  a1.carrier.deliver(first);
  assert.deepEqual(a1.indices(), [], "an old change brings nobody back");
});

test("a change that was missed is asked for when the next one comes", async () => {
  await using it = await world();
  const a1 = await it.exit("a1", WIREGUARD);
  await a1.settled();
  it.publisher.setPeer("a1", peer(1));
  await until(() => a1.indices().length === 1, "the peer");
  a1.carrier.onHeard = (message) => (message[0] === wire.BROADCAST.peers ? undefined : message);
  it.publisher.removePeer("a1", keyOf(1));
  await until(() => a1.carrier.heard.filter((each) => each[0] === 3).length === 2, "what is lost");
  assert.deepEqual(a1.indices(), [2]);
  a1.carrier.onHeard = (message) => message;
  it.publisher.setPeer("a1", peer(2));
  await until(() => a1.indices().length === 1 && a1.indices()[0] === 3, "both");
  assert.deepEqual(a1.refusals(), []);
});

test("an office of an earlier version has no peers, and the rest of the roster is as ever", async () => {
  await using it = await world();
  it.publisher.setCredential(nameOf(1), digestOf("pw"), 40_000_000);
  it.publisher.setSettings("a1", settingsFor("a1", { services: WIREGUARD }));
  const a1 = await it.exit("a1");
  a1.carrier.refuses = (request) => request[0] === wire.REQUEST.peers;
  await until(() => a1.replica.size === 1, "the credential");
  assert.deepEqual(a1.indices(), []);
  assert.deepEqual(a1.refusals(), []);
});

test("an exit that does not take peers is not told of any", async () => {
  await using it = await world();
  it.publisher.setSettings("a1", settingsFor("a1", { services: WIREGUARD }));
  const carrier = it.office.connect({ server: "a1" });
  const heard: number[] = [];
  carrier.onBroadcast((message) => heard.push(message[0]!));
  let up = false;
  carrier.onUp(() => {
    up = true;
  });
  carrier.start();
  await until(() => up, "the connection");
  const nonce = randomBytes(32).toString("base64");
  await carrier.request(wire.encodeHello({ protocol: 2, nonce, server: "a1", seen: 0 }));
  it.publisher.setPeer("a1", peer(1));
  it.publisher.setCredential(nameOf(1), digestOf("pw"), 40_000_000);
  await until(() => heard.length > 0, "the change");
  assert.deepEqual(heard, [wire.BROADCAST.change]);
  carrier.close();
});

test("whatever is set and removed, in whatever order, exits end with what the office has", async () => {
  const step = fc.record({ device: fc.nat(30), until: fc.nat(5), removes: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      await using it = await world({ ntHashes: false });
      const a1 = await it.exit("a1", WIREGUARD);
      const wanted = new Map<number, Peer>();
      for (const [at, { device, until: minutes, removes }] of steps.entries()) {
        if (removes) wanted.delete(device);
        else wanted.set(device, peer(device, { until: minutes }));
        if (removes) it.publisher.removePeer("a1", keyOf(device));
        else it.publisher.setPeer("a1", wanted.get(device)!);
        if (at % 9 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const sorted = (peers: Iterable<Peer>) => [...peers].sort((a, b) => a.index - b.index);
      const text = (peers: Iterable<Peer>) => JSON.stringify(sorted(peers));
      await until(() => text(a1.replica.peers()) === text(wanted.values()), "the same peers");
    }),
    { numRuns: 15 },
  );
});

test("an exit with IKEv2 opens the NT hash of a credential; one without neither asks for it nor could", async () => {
  await using it = await world();
  it.publisher.setCredential(nameOf(1), digestOf("one"), 40_000_000, () => ntHashOf("one"));
  const a1 = await it.exit("a1", IKEV2);
  const b1 = await it.exit("b1", WIREGUARD);
  await until(() => a1.replica.ntHash(nameOf(1)) !== undefined, "the NT hash");
  await a1.settled();
  assert.deepEqual(a1.replica.ntHash(nameOf(1).toUpperCase()), ntHashOf("one"));
  assert.equal(a1.replica.ntHash(nameOf(2)), undefined);
  assert.equal(a1.replica.ntHash("no name"), undefined);

  it.publisher.setCredential(nameOf(1), digestOf("two"), 40_000_000, () => ntHashOf("two"));
  it.publisher.setCredential(nameOf(2), digestOf("three"), 40_000_000, () => ntHashOf("three"));
  await until(() => a1.replica.size === 2 && b1.replica.size === 2, "the changes");
  assert.deepEqual(a1.replica.ntHash(nameOf(1)), ntHashOf("two"));
  assert.deepEqual(a1.replica.ntHash(nameOf(2)), ntHashOf("three"));
  assert.equal(b1.replica.ntHash(nameOf(1)), undefined);
  const seen = Buffer.concat([...b1.carrier.heard, ...b1.carrier.answers]);
  for (const password of ["one", "two", "three"])
    assert.equal(seen.includes(Buffer.from(ntHashOf(password))), false, "a bare NT hash travels nowhere");

  it.publisher.removeCredential(nameOf(1));
  await until(() => a1.replica.size === 1, "the removal");
  assert.equal(a1.replica.ntHash(nameOf(1)), undefined);
  assert.deepEqual(a1.refusals(), []);
});

test("a new hash key empties the section; the old one opens nothing of what comes after", async () => {
  await using it = await world();
  it.publisher.setCredential(nameOf(1), digestOf("one"), 40_000_000, () => ntHashOf("one"));
  const a1 = await it.exit("a1", IKEV2);
  await until(() => a1.replica.ntHash(nameOf(1)) !== undefined, "the NT hash");
  assert.equal(it.publisher.keepNtHashes(hashKey), false, "it is the key that there is");

  const other = randomBytes(32);
  assert.equal(it.publisher.keepNtHashes(other), true);
  await until(() => a1.replica.ntHash(nameOf(1)) === undefined, "none");
  it.publisher.setCredential(nameOf(1), digestOf("one"), 40_000_000, () => ntHashOf("one"));
  await until(() => a1.replica.ntHash(nameOf(1)) !== undefined, "something");
  assert.notDeepEqual(a1.replica.ntHash(nameOf(1)), ntHashOf("one"));
  const services = { ikev2: { hashKey: other.toString("base64") } };
  it.publisher.setSettings("a1", settingsFor("a1", { services }));
  await until(() => hex(a1.replica.ntHash(nameOf(1))!) === hex(ntHashOf("one")), "the NT hash again");
});

test("peers and NT hashes outlive a restart without the office", async () => {
  await using it = await world({ seal: true });
  for (let i = 0; i < 300; i++) {
    it.publisher.setCredential(nameOf(i), digestOf(`${i}`), 40_000_000, () => ntHashOf(`${i}`));
    it.publisher.setPeer("a1", peer(i));
  }
  const services = { ...WIREGUARD, ...IKEV2 };
  const a1 = await it.exit("a1", services);
  await until(() => a1.indices().length === 300 && a1.replica.ntHash(nameOf(7)) !== undefined, "all");
  a1.replica.close();
  await it.office.close();

  const again = await it.exit("a1");
  assert.equal(again.indices().length, 300);
  assert.deepEqual(again.replica.peer(keyOf(7)), peer(7));
  assert.deepEqual(again.replica.ntHash(nameOf(7)), ntHashOf("7"));
  assert.equal(again.replica.size, 300);
  assert.deepEqual(again.changed, ["all"]);
});

test("after an outage only the peers that differ are fetched", async () => {
  await using it = await world({ seal: true });
  it.publisher.replacePeers(
    "a1",
    Array.from({ length: 3000 }, (_, i) => peer(i)),
  );
  const a1 = await it.exit("a1", WIREGUARD);
  await until(() => a1.indices().length === 3000, "all");
  a1.replica.close();
  it.publisher.removePeer("a1", keyOf(5));
  const again = await it.exit("a1");
  await until(() => again.indices().length === 2999, "one less");
  const bytes = again.carrier.answers.reduce((sum, answer) => sum + answer.length, 0);
  assert.ok(bytes < 12_000, `${bytes} bytes`);
});
