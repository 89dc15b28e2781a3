import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { base32 } from "../lib/base32.ts";
import { FakeClock, toMinutes } from "../lib/clock.ts";
import type { ExitCarrier } from "./carrier.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import { RosterPublisher } from "./publisher.ts";
import { RosterReplica } from "./replica.ts";
import type { ServerSettings } from "./settings.ts";
import { signDocument } from "./signed.ts";
import { generateSiteKey } from "./site-key.ts";
import { passwordDigest, recordingLog, settingsFor, until } from "./testing.ts";
import * as wire from "./wire.ts";

const key = generateSiteKey();
const folder = mkdtempSync(join(tmpdir(), "lethe-replica-"));
after(() => rmSync(folder, { recursive: true }));

/** A carrier whose bytes somebody on the way can change. */
class OpenedCarrier implements ExitCarrier {
  #inner: ExitCarrier;
  onAnswer = (answer: Uint8Array, _request: Uint8Array): Uint8Array => answer;
  onHeard = (message: Uint8Array): Uint8Array | undefined => message;
  requests: number[] = [];
  heard: Uint8Array[] = [];
  deliver: (message: Uint8Array) => void = () => {};

  constructor(inner: ExitCarrier) {
    this.#inner = inner;
  }
  start = () => this.#inner.start();
  close = () => this.#inner.close();
  onUp = (callback: () => void) => this.#inner.onUp(callback);
  onDown = (callback: () => void) => this.#inner.onDown(callback);
  publishReport = (report: Uint8Array) => this.#inner.publishReport(report);
  async request(message: Uint8Array) {
    this.requests.push(message[0]!);
    return this.onAnswer(await this.#inner.request(message), message);
  }
  onBroadcast(callback: (message: Uint8Array) => void) {
    this.deliver = callback;
    this.#inner.onBroadcast((message) => {
      this.heard.push(message);
      const changed = this.onHeard(message);
      if (changed !== undefined) callback(changed);
    });
  }
}

interface WorldOptions {
  clock?: FakeClock;
  signWith?: typeof key;
  seal?: { path: string; key: Uint8Array };
}

function world(options: WorldOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const office = new MemoryCarrier();
  const { log, events, reasons } = recordingLog();
  const officeLog = recordingLog();
  const publisher = new RosterPublisher({
    key: options.signWith ?? key,
    clock,
    carriers: [office],
    log: officeLog.log,
  });
  const carrier = new OpenedCarrier(office.connect());
  const settings: ServerSettings[] = [];
  const changes: (string[] | "all")[] = [];
  const replica = new RosterReplica({
    server: "a1",
    publicKey: key.publicKey,
    carrier,
    clock,
    log,
    ...(options.seal && { seal: options.seal }),
    uptimeMs: () => clock.monotonic(),
    retryMs: 10,
  });
  replica.onSettings((each) => settings.push(each));
  replica.onChange((each) => changes.push(each));
  const later = toMinutes(clock.now()) + 60;
  return {
    clock,
    office,
    publisher,
    carrier,
    replica,
    settings,
    changes,
    events,
    refusals: () => reasons("roster-refused"),
    later,
    async start() {
      await publisher.start();
      replica.start();
      await until(() => replica.version !== undefined, "the first roster");
    },
    async [Symbol.asyncDispose]() {
      replica.close();
      await publisher.close();
    },
  };
}

const nameOf = (i: number) => base32(hash("sha256", `${i}`, "buffer"), 12);
const digestOf = new Uint8Array(passwordDigest("pw"));

test("an exit that starts has the office's roster and its own settings", async () => {
  await using it = world();
  for (let i = 0; i < 300; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
  it.publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 77 }));
  it.publisher.setSettings("b1", settingsFor("b1"));
  await it.start();
  assert.equal(it.replica.size, 300);
  assert.deepEqual(it.replica.authorise(nameOf(7)), {
    username: nameOf(7),
    digest: digestOf,
    until: it.later,
  });
  assert.equal(it.replica.authorise(nameOf(300)), undefined);
  await until(() => it.settings.length === 1, "settings");
  assert.equal(it.settings[0]!.bandwidthMbit, 77);
  assert.deepEqual(it.changes, ["all"]);
});

test("a change arrives alone, without anything being fetched, and names whom it concerns", async () => {
  await using it = world();
  for (let i = 0; i < 300; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
  await it.start();
  const asked = it.carrier.requests.length;
  it.publisher.removeCredential(nameOf(5));
  it.publisher.setCredential(nameOf(301), digestOf, it.later);
  await until(() => it.replica.size === 300 && it.replica.authorise(nameOf(301)) !== undefined, "the change");
  assert.equal(it.replica.authorise(nameOf(5)), undefined);
  assert.deepEqual(it.changes.at(-1), [nameOf(5), nameOf(301)]);
  assert.equal(it.carrier.requests.length, asked);
  assert.equal(it.carrier.heard.length, 1);
});

test("changes that were missed are made up for with only the buckets that differ", async () => {
  await using it = world();
  for (let i = 0; i < 2000; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
  await it.start();
  it.carrier.onHeard = () => undefined;
  it.publisher.removeCredential(nameOf(5));
  await until(() => it.carrier.heard.length === 1, "the first is lost");
  it.carrier.onHeard = (message) => message;
  let fetched = 0;
  it.carrier.onAnswer = (answer, request) => {
    if (request[0] === wire.REQUEST.buckets) fetched += wire.readBlocks(answer)!.length;
    return answer;
  };
  it.publisher.removeCredential(nameOf(6));
  await until(() => it.replica.size === 1998, "both are known");
  assert.equal(fetched, 2);
});

test("ten thousand at once come through, more than go into one message among them", async () => {
  await using it = world();
  await it.start();
  for (let i = 0; i < 12_000; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
  await until(() => it.replica.size === 12_000, "all rows");
  assert.equal(it.publisher.size, 12_000);
});

test("what is set or removed while all is being replaced is not lost", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digestOf, it.later);
  it.publisher.setCredential(nameOf(2), digestOf, it.later);
  await it.start();
  async function* slowly() {
    yield { username: nameOf(3), passwordDigest: digestOf, untilMinutes: it.later };
    yield { username: nameOf(4), passwordDigest: digestOf, untilMinutes: it.later };
    it.publisher.removeCredential(nameOf(3));
    it.publisher.setCredential(nameOf(5), digestOf, it.later);
  }
  await it.publisher.replaceAllCredentials(slowly());
  await until(() => it.replica.authorise(nameOf(1)) === undefined, "the new roster");
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((i) => it.replica.authorise(nameOf(i)) !== undefined),
    [false, false, false, true, true],
  );
});

test("new settings arrive; another server's pass by", async () => {
  await using it = world();
  it.publisher.setSettings("a1", settingsFor("a1"));
  await it.start();
  await until(() => it.settings.length === 1, "first settings");
  it.publisher.setSettings("b1", settingsFor("b1", { bandwidthMbit: 5 }));
  it.publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 500 }));
  await until(() => it.settings.length === 2, "second settings");
  assert.equal(it.settings[1]!.bandwidthMbit, 500);
  assert.deepEqual(it.refusals(), []);
});

test("a server the office does not know is told so, and gets no settings", async () => {
  await using it = world();
  await it.start();
  await until(() => it.refusals().length > 0, "refusal");
  assert.deepEqual(it.refusals(), ["unknown"]);
  assert.deepEqual(it.settings, []);
});

// ---- refused, reported, and the last good roster kept ----

/** An exit with a good roster, that then hears `tamper(message)` in place of the office's next change. */
async function afterBroadcast(tamper: (message: Uint8Array) => Uint8Array) {
  const it = world();
  it.publisher.setSettings("a1", settingsFor("a1"));
  for (let i = 0; i < 50; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
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
const flip = (bytes: Uint8Array, at: number) => {
  const out = Uint8Array.from(bytes);
  out[at]! ^= 1;
  return out;
};
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
  it.publisher.setCredential(nameOf(1), digestOf, it.later);
  await it.start();
  it.publisher.removeCredential(nameOf(1));
  await until(() => it.replica.size === 0, "removed");
  it.publisher.setCredential(nameOf(2), digestOf, it.later);
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
  for (let i = 0; i < 50; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
  await it.start();
  it.carrier.onAnswer = () => new Uint8Array(0);
  it.carrier.onHeard = () => undefined;
  it.publisher.removeCredential(nameOf(5));
  it.publisher.setCredential(nameOf(99), digestOf, it.later);
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

test("a roster that changes while it is being fetched is fetched to its end, and that is no fault", async () => {
  await using it = world();
  for (let i = 0; i < 500; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
  let changes = 3;
  it.carrier.onAnswer = (answer, request) => {
    if (request[0] === wire.REQUEST.leaves && changes-- > 0) it.publisher.removeCredential(nameOf(changes));
    return answer;
  };
  await it.start();
  await until(() => it.replica.size === 497, "the last state");
  assert.deepEqual(it.refusals(), ["unknown"]);
});

/** An exit that starts, while somebody changes what it is answered. */
async function atStart(onAnswer: OpenedCarrier["onAnswer"], options: WorldOptions = {}) {
  const it = world(options);
  it.publisher.setSettings("a1", settingsFor("a1"));
  for (let i = 0; i < 50; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
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
  (change: (blocks: Uint8Array[]) => Uint8Array[]): OpenedCarrier["onAnswer"] =>
  (answer, request) =>
    request[0] === wire.REQUEST.hello ? wire.blocks(...change(wire.readBlocks(answer)!)) : answer;
const on =
  (kind: number, change: (answer: Uint8Array) => Uint8Array): OpenedCarrier["onAnswer"] =>
  (answer, request) =>
    request[0] === kind ? change(answer) : answer;

const answers: Record<string, [reason: string, OpenedCarrier["onAnswer"]]> = {
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
  const carrier = new OpenedCarrier(it.office.connect());
  carrier.onAnswer = (answer, request) => (request[0] === wire.REQUEST.hello ? first! : answer);
  const second = new RosterReplica({ server: "a1", publicKey: key.publicKey, carrier, clock: it.clock, log });
  second.start();
  await until(() => reasons("roster-refused").includes("nonce"), "refusal");
  assert.equal(second.version, undefined);
  second.close();
});

test("a broadcast before the office has answered our nonce lets nobody in", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digestOf, it.later);
  await it.start();
  it.publisher.setCredential(nameOf(2), digestOf, it.later);
  await until(() => it.carrier.heard.length === 1, "a change");
  const { log } = recordingLog();
  const carrier = new OpenedCarrier(it.office.connect());
  carrier.onAnswer = () => new Uint8Array(0);
  const second = new RosterReplica({ server: "a1", publicKey: key.publicKey, carrier, clock: it.clock, log });
  second.start();
  carrier.deliver(it.carrier.heard[0]!);
  assert.equal(second.version, undefined);
  second.close();
});

// ---- time ----

test("without the office it goes on for 72 hours, by a clock that nobody sets", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digestOf, it.later);
  await it.start();
  await it.office.close();
  it.clock.advance(72 * 3_600_000 - 1);
  it.clock.jump(-1000 * 3_600_000);
  assert.ok(it.replica.timeMs() !== undefined);
  it.clock.jump(+9000 * 3_600_000);
  assert.ok(it.replica.timeMs() !== undefined);
  it.clock.advance(1);
  assert.equal(it.replica.timeMs(), undefined);
});

test("an office whose clock was ahead before its restart is followed again", async () => {
  const clock = new FakeClock();
  await using it = world({ clock });
  clock.jump(+3_600_000);
  it.publisher.setCredential(nameOf(1), digestOf, it.later);
  it.publisher.setSettings("a1", settingsFor("a1"));
  await it.start();
  await it.publisher.close();
  clock.jump(-3_600_000);
  const again = new RosterPublisher({ key, clock, carriers: [it.office], log: () => {} });
  again.setCredential(nameOf(2), digestOf, it.later);
  again.setSettings("a1", settingsFor("a1", { bandwidthMbit: 9 }));
  await again.start();
  await until(() => it.replica.authorise(nameOf(2)) !== undefined, "the new office's roster");
  await until(() => it.settings.at(-1)?.bandwidthMbit === 9, "the new office's settings");
  assert.ok(Math.abs(it.replica.timeMs()! - clock.now()) < 1000);
  await again.close();
});

// ---- the seal ----

async function sealed() {
  const clock = new FakeClock();
  const path = join(folder, `sealed-${readdirSync(folder).length}`);
  const seal = { path, key: Buffer.alloc(32, 7) };
  {
    await using it = world({ clock, seal });
    it.publisher.setSettings("a1", settingsFor("a1"));
    for (let i = 0; i < 500; i++) it.publisher.setCredential(nameOf(i), digestOf, it.later);
    await it.start();
    await until(() => it.settings.length === 1, "settings");
  }
  return { clock, path, seal };
}

test("after a restart without the office the roster, the settings and the time are there", async () => {
  const { clock, seal } = await sealed();
  clock.advance(3_600_000);
  clock.jump(-50_000_000);
  await using it = world({ clock, seal });
  it.replica.start();
  assert.equal(it.replica.size, 500);
  assert.ok(it.replica.authorise(nameOf(499)));
  assert.equal(it.settings.length, 1);
  assert.deepEqual(it.changes, ["all"]);
  assert.equal(it.replica.timeMs(), clock.now() + 50_000_000);
  clock.advance(72 * 3_600_000);
  assert.equal(it.replica.timeMs(), undefined);
});

test("the sealed file shows no username, no digest and no settings", async () => {
  const { path } = await sealed();
  const bytes = readFileSync(path);
  assert.equal(bytes.indexOf(Buffer.from(digestOf)), -1);
  assert.equal(bytes.indexOf("bandwidthMbit"), -1);
  assert.equal(bytes.indexOf("credentials"), -1);
});

test("a sealed file that was changed anywhere, cut, or sealed with another key is not taken, and removed", async () => {
  const { clock, path, seal } = await sealed();
  const good = readFileSync(path);
  const load = async (bytes: Uint8Array, sealKey = seal.key) => {
    writeFileSync(path, bytes);
    await using it = world({ clock, seal: { path, key: sealKey } });
    it.replica.start();
    return it.replica.size;
  };
  assert.equal(await load(good), 500);
  assert.equal(await load(good, Buffer.alloc(32, 8)), 0);
  assert.equal(await load(good.subarray(0, 10)), 0);
  assert.equal(await load(new Uint8Array(0)), 0);
  for (const at of [0, 9, 25, 400, good.length >> 1, good.length - 1]) {
    assert.equal(await load(flip(good, at)), 0, `byte ${at}`);
  }
  assert.ok(!readdirSync(folder).includes(path.slice(folder.length + 1)));
});

test("a sealed roster of another site is refused", async () => {
  const { clock, seal } = await sealed();
  const { log, reasons } = recordingLog();
  const replica = new RosterReplica({
    server: "a1",
    publicKey: generateSiteKey().publicKey,
    carrier: new MemoryCarrier().connect(),
    clock,
    log,
    seal,
    uptimeMs: () => clock.monotonic(),
  });
  replica.start();
  assert.deepEqual(reasons("roster-refused"), ["foreign"]);
  assert.equal(replica.size, 0);
  replica.close();
});
