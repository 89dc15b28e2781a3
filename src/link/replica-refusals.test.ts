import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RosterReplica } from "./replica.ts";
import { digestOf, flip, key, nameOf, WatchedCarrier, type WorldOptions, world } from "./replica-testing.ts";
import { signDocument } from "./signed.ts";
import { generateSiteKey } from "./site-key.ts";
import { recordingLog, settingsFor, until } from "./testing.ts";
import * as wire from "./wire.ts";

/** What the exit does not believe: refused, reported, and the last good roster kept. */

const digest = digestOf("pw");

/** An exit with a good roster, that then hears `tamper(message)` in place of the office's next change. */
async function afterBroadcast(tamper: (message: Uint8Array) => Uint8Array) {
  const it = world();
  it.publisher.setSettings("a1", settingsFor("a1"));
  for (let i = 0; i < 50; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  await it.start();
  await until(() => it.settings.length === 1, "settings");
  // The office cannot be asked either: what is refused must not be made up for.
  it.carrier.onAnswer = () => new Uint8Array(0);
  it.carrier.onHeard = tamper;
  const version = it.replica.version;
  it.publisher.removeCredential(nameOf(5));
  await until(() => it.carrier.heard.length > 0, "the change");
  await until(() => it.refusals().length > 0, "a refusal");
  assert.equal(it.replica.version, version);
  assert.equal(it.replica.size, 50);
  assert.ok(it.replica.authorise(nameOf(5)));
  assert.ok(it.replica.timeMs() !== undefined);
  return it;
}

const headerOf = (message: Uint8Array) => wire.decodeChange(message.subarray(1))!.header;
const withHeader = (message: Uint8Array, header: Uint8Array) =>
  wire.encodeChange({ ...wire.decodeChange(message.subarray(1))!, header });
const payloadOf = (signed: Uint8Array) => JSON.parse(Buffer.from(signed.subarray(80)).toString());
const resigned = (message: Uint8Array, change: object, by = key) =>
  withHeader(message, signDocument("header", { ...payloadOf(headerOf(message)), ...change }, by));

const tampered: Record<string, [reason: string, (message: Uint8Array) => Uint8Array]> = {
  "with a bit flipped in the header's payload": ["signature", (m) => withHeader(m, flip(headerOf(m), 90))],
  "with a bit flipped in the signature": ["signature", (m) => withHeader(m, flip(headerOf(m), 20))],
  "with a bit flipped in a row": ["digest", (m) => flip(m, m.length - 3)],
  "cut short": ["malformed", (m) => m.subarray(0, m.length - 1)],
  empty: ["malformed", () => new Uint8Array(0)],
  "of an unknown kind": ["malformed", (m) => Uint8Array.of(9, ...m.subarray(1))],
  oversized: ["malformed", (m) => withHeader(m, Buffer.concat([headerOf(m), Buffer.alloc(6_000_001)]))],
  "signed by another site": ["foreign", (m) => resigned(m, {}, generateSiteKey())],
  "with an older version": ["rolled-back", (m) => resigned(m, { version: 1 })],
  "whose time is over": ["outdated", (m) => resigned(m, { notAfterMs: 1 })],
  "of another protocol": ["protocol", (m) => resigned(m, { protocol: 3 })],
  "with rows of another width": [
    "protocol",
    (m) => resigned(m, { sections: { credentials: { rows: 1, digest: "0".repeat(64), rowBytes: 45 } } }),
  ],
  "signed but not to the schema": ["malformed", (m) => resigned(m, { version: "newest" })],
};

for (const [what, [reason, tamper]] of Object.entries(tampered)) {
  test(`a change ${what} is refused as "${reason}", and the last good roster stays`, async () => {
    await using it = await afterBroadcast(tamper);
    assert.ok(it.refusals().includes(reason as never), `${it.refusals()}`);
  });
}

test("an old change that is played again is refused as rolled back", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digest, it.later);
  await it.start();
  it.publisher.removeCredential(nameOf(1));
  await until(() => it.replica.size === 0, "removed");
  it.publisher.setCredential(nameOf(2), digest, it.later);
  await until(() => it.replica.size === 1, "another set");
  it.carrier.deliver(it.carrier.heard[0]!);
  assert.ok(it.refusals().includes("rolled-back"));
  assert.equal(it.replica.size, 1);
});

test("old settings that are played again, and ones that are wrong, are refused", async () => {
  await using it = world();
  it.publisher.setSettings("a1", settingsFor("a1"));
  await it.start();
  await until(() => it.settings.length === 1, "settings");
  it.publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 1 }));
  it.publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 2 }));
  await until(() => it.settings.length === 3, "newer settings");
  it.carrier.deliver(it.carrier.heard[0]!);
  assert.ok(it.refusals().includes("rolled-back"));
  it.publisher.setSettings("a1", { ...settingsFor("a1"), bandwidthMbit: -1 });
  await until(() => it.refusals().includes("malformed"), "malformed");
  it.publisher.setSettings("a1", { ...settingsFor("b1") });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(it.settings.length, 3);
});

test("no mutation of a change is ever taken over", async () => {
  await using it = world();
  it.publisher.setSettings("a1", settingsFor("a1"));
  for (let i = 0; i < 50; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  await it.start();
  it.carrier.onAnswer = () => new Uint8Array(0);
  it.carrier.onHeard = () => undefined;
  it.publisher.removeCredential(nameOf(5));
  it.publisher.setCredential(nameOf(99), digest, it.later);
  await until(() => it.carrier.heard.length > 0, "the change");
  const good = it.carrier.heard[0]!;
  const version = it.replica.version;
  const mutation = fc.oneof(
    fc.record({ at: fc.nat(good.length - 1), flip: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ cut: fc.nat(good.length - 1) }),
    fc.record({ add: fc.uint8Array({ minLength: 1, maxLength: 60 }) }),
  );
  await fc.assert(
    fc.asyncProperty(mutation, async (how) => {
      let bad = Uint8Array.from(good);
      if ("at" in how) bad[how.at]! ^= how.flip;
      else if ("cut" in how) bad = bad.subarray(0, how.cut);
      else bad = Uint8Array.from([...bad, ...how.add]);
      it.carrier.deliver(bad);
      assert.equal(it.replica.version, version);
      assert.ok(it.replica.authorise(nameOf(5)));
      assert.equal(it.replica.authorise(nameOf(99)), undefined);
      // Where the office was asked, in vain: until that is over, nothing that is heard is looked at.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }),
    { numRuns: 300 },
  );
  assert.deepEqual(new Set(it.refusals()), new Set(["signature", "foreign", "malformed", "digest"]));
  it.carrier.deliver(good);
  assert.notEqual(it.replica.version, version, "and the message as it was sent is good");
});

/** An exit that starts, while somebody changes what it is answered. */
async function atStart(onAnswer: WatchedCarrier["onAnswer"], options: WorldOptions = {}) {
  const it = world(options);
  it.publisher.setSettings("a1", settingsFor("a1"));
  for (let i = 0; i < 50; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  await it.publisher.start();
  it.carrier.onAnswer = onAnswer;
  it.replica.start();
  await until(() => it.refusals().length > 0, "a refusal");
  assert.equal(it.replica.version, undefined);
  assert.equal(it.replica.timeMs(), undefined);
  assert.equal(it.replica.size, 0);
  assert.deepEqual(it.changes, []);
  return it;
}

const onHello =
  (change: (blocks: Uint8Array[]) => Uint8Array[]): WatchedCarrier["onAnswer"] =>
  (answer, request) =>
    request[0] === wire.REQUEST.hello ? wire.blocks(...change(wire.readBlocks(answer)!)) : answer;
const on =
  (kind: number, change: (answer: Uint8Array) => Uint8Array): WatchedCarrier["onAnswer"] =>
  (answer, request) =>
    request[0] === kind ? change(answer) : answer;

const answers: Record<string, [reason: string, WatchedCarrier["onAnswer"]]> = {
  "a bit flipped in the header": ["signature", onHello(([h, s, a]) => [flip(h!, 100), s!, a!])],
  "a bit flipped in the settings": ["digest", onHello(([h, s, a]) => [h!, flip(s!, 100), a!])],
  "settings left out": ["digest", onHello(([h, , a]) => [h!, new Uint8Array(0), a!])],
  "a bit flipped in the answer": ["signature", onHello(([h, s, a]) => [h!, s!, flip(a!, 100)])],
  "no answer": ["malformed", onHello(([h, s]) => [h!, s!])],
  nothing: ["malformed", () => new Uint8Array(0)],
  "another nonce answered": [
    "nonce",
    onHello(([h, s, a]) => [h!, s!, signDocument("answer", { ...payloadOf(a!), nonce: "AAAA" }, key)]),
  ],
  "the answer for another server": [
    "nonce",
    onHello(([h, s, a]) => [h!, s!, signDocument("answer", { ...payloadOf(a!), server: "b1" }, key)]),
  ],
  "another header than was answered for": [
    "digest",
    onHello(([h, s, a]) => [signDocument("header", { ...payloadOf(h!), version: 3 }, key), s!, a!]),
  ],
  "a header whose time is over": [
    "outdated",
    onHello(([h, s, a]) => [signDocument("header", { ...payloadOf(h!), notAfterMs: 5 }, key), s!, a!]),
  ],
  "a bit flipped in the node digests": ["digest", on(wire.REQUEST.nodes, (b) => flip(b, 5))],
  "node digests cut short": ["digest", on(wire.REQUEST.nodes, (b) => b.subarray(32))],
  "a bit flipped in the leaf digests": ["digest", on(wire.REQUEST.leaves, (b) => flip(b, 5))],
  "a bit flipped in a bucket": ["digest", on(wire.REQUEST.buckets, (b) => flip(b, 20))],
  "a bucket left out": [
    "digest",
    on(wire.REQUEST.buckets, (b) => wire.blocks(...wire.readBlocks(b)!.slice(1))),
  ],
  "no buckets": ["digest", on(wire.REQUEST.buckets, () => new Uint8Array(0))],
};

for (const [what, [reason, onAnswer]] of Object.entries(answers)) {
  test(`at start, ${what}: refused as "${reason}", nobody is let in, and later all is well`, async () => {
    await using it = await atStart(onAnswer);
    assert.equal(it.refusals()[0], reason);
    it.carrier.onAnswer = (answer) => answer;
    await until(() => it.replica.size === 50, "the roster, once nobody is in the way");
  });
}

test("at start, another site's office is refused as foreign", async () => {
  await using it = await atStart((answer) => answer, { signWith: generateSiteKey() });
  assert.equal(it.refusals()[0], "foreign");
});

test("at start, an earlier answer that is played again is refused as nonce", async () => {
  let first: Uint8Array | undefined;
  await using it = world();
  it.carrier.onAnswer = (answer, request) => {
    if (request[0] === wire.REQUEST.hello) first ??= answer;
    return answer;
  };
  await it.start();
  const { log, reasons } = recordingLog();
  const carrier = new WatchedCarrier(it.office.connect());
  carrier.onAnswer = (answer, request) => (request[0] === wire.REQUEST.hello ? first! : answer);
  const second = new RosterReplica({ server: "a1", publicKey: key.publicKey, carrier, clock: it.clock, log });
  second.start();
  await until(() => reasons("roster-refused").includes("nonce"), "refusal");
  assert.equal(second.version, undefined);
  second.close();
});

test("a broadcast before the office has answered our nonce lets nobody in", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digest, it.later);
  await it.start();
  it.publisher.setCredential(nameOf(2), digest, it.later);
  await until(() => it.carrier.heard.length === 1, "a change");
  const { log } = recordingLog();
  const carrier = new WatchedCarrier(it.office.connect());
  carrier.onAnswer = () => new Uint8Array(0);
  const second = new RosterReplica({ server: "a1", publicKey: key.publicKey, carrier, clock: it.clock, log });
  second.start();
  carrier.deliver(it.carrier.heard[0]!);
  assert.equal(second.version, undefined);
  second.close();
});
