import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, FakeClock, systemClock, toMinutes } from "../lib/clock.ts";
import { CarrierError, type ExitCarrier, type OfficeCarrier } from "./carrier.ts";
import type { Protocol } from "./documents.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import { requestCertificate, requestFileChunk } from "./office-client.ts";
import { type PublisherOptions, RosterPublisher } from "./publisher.ts";
import { RosterReplica } from "./replica.ts";
import { encodeReport, type Report } from "./reports.ts";
import { generateSiteKey } from "./site-key.ts";
import { passwordDigest, recordingLog, settingsFor, until } from "./testing.ts";
import * as wire from "./wire.ts";

/** The office's end with many exits: who gets what, and how often the wire is used for it. */

const key = generateSiteKey();
const digest = passwordDigest("pw");
const later = toMinutes(Date.now()) + 60;
/** An exit waits up to twelve minutes after it, or as long as it is told at most. Its roster still holds. */
const LONG_OUTAGE_MS = 48 * 3_600_000;
const nameOf = (i: number) => `abcdefghijk${"abcdefghijklmnopqrstuvwxyz"[i]}`;

/** Counts what goes over it. `resume` is what NATS does when the server is back, or another office leads. */
class CountedCarrier extends MemoryCarrier {
  broadcasts: (string | undefined)[] = [];
  resume: () => void = () => {};
  override onResumed(callback: () => void = () => {}): void {
    this.resume = callback;
  }
  override broadcast(...[message, to]: Parameters<OfficeCarrier["broadcast"]>): void {
    this.broadcasts.push(JSON.stringify(to));
    super.broadcast(message, to);
  }
}

function office(carrier: OfficeCarrier, options: Partial<PublisherOptions> = {}): RosterPublisher {
  return new RosterPublisher({ key, clock: systemClock, carriers: [carrier], log: () => {}, ...options });
}

function newExit(
  carrier: MemoryCarrier,
  server: string,
  {
    protocol = 2,
    jitterMs = 0,
    clock = systemClock,
  }: { protocol?: Protocol; jitterMs?: number; clock?: Clock } = {},
) {
  const inner = carrier.connect({ server, protocol });
  let requests = 0;
  const exit: ExitCarrier = {
    start: () => inner.start(),
    close: () => inner.close(),
    onUp: (callback) => inner.onUp(callback),
    onDown: (callback) => inner.onDown(callback),
    onBroadcast: (callback) => inner.onBroadcast(callback),
    publishReport: (report) => inner.publishReport(report),
    request: (message) => {
      requests++;
      return inner.request(message);
    },
  };
  const { log, reasons } = recordingLog();
  const replica = new RosterReplica({
    server,
    publicKey: key.publicKey,
    carrier: exit,
    clock,
    log,
    protocol,
    jitterMs,
    retryMs: 10,
  });
  replica.start();
  return { replica, exit, reasons, requests: () => requests };
}

test("a change is one message, whatever the number of exits; older exits cost one more, while there are any", async () => {
  const carrier = new CountedCarrier();
  const publisher = office(carrier);
  await publisher.start();
  const exits = Array.from({ length: 20 }, (_, i) => newExit(carrier, `s${i}`));
  await until(() => exits.every(({ replica }) => replica.version !== undefined), "the first roster");
  carrier.broadcasts = [];
  publisher.setCredential(nameOf(0), digest, later);
  await until(() => exits.every(({ replica }) => replica.size === 1), "the change");
  assert.deepEqual(carrier.broadcasts, ['{"protocol":2}']);

  const older = newExit(carrier, "old1", { protocol: 1 });
  await until(() => older.replica.size === 1, "the older exit's first roster");
  carrier.broadcasts = [];
  publisher.setCredential(nameOf(1), digest, later);
  await until(() => [older, ...exits].every(({ replica }) => replica.size === 2), "the change on all");
  assert.deepEqual(carrier.broadcasts, ['{"protocol":2}', '{"protocol":1}']);
  assert.deepEqual(
    [older, ...exits].flatMap(({ reasons }) => reasons("roster-refused")),
    Array(21).fill("unknown"),
  );
  for (const { replica } of [older, ...exits]) replica.close();

  const upgraded = newExit(carrier, "old1");
  await until(() => upgraded.replica.size === 2, "the upgraded exit's roster");
  carrier.broadcasts = [];
  publisher.setCredential(nameOf(2), digest, later);
  await until(() => upgraded.replica.size === 3, "the change");
  assert.deepEqual(carrier.broadcasts, ['{"protocol":2}']);
  upgraded.replica.close();
  await publisher.close();
});

test("settings go to their server alone, and not where they are what it has", async () => {
  const carrier = new CountedCarrier();
  const publisher = office(carrier);
  publisher.setSettings("a1", settingsFor("a1"));
  await publisher.start();
  publisher.setSettings("a1", settingsFor("a1"));
  publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 5 }));
  publisher.setSettings("b1", settingsFor("b1"));
  assert.deepEqual(carrier.broadcasts, ['{"server":"a1","protocol":2}', '{"server":"b1","protocol":2}']);
  await publisher.close();
});

test("another office that leads, or the server that is back, costs one header: exits that missed nothing ask nothing", async () => {
  const carrier = new CountedCarrier();
  const clock = new FakeClock();
  const publisher = office(carrier, { clock });
  publisher.setCredential(nameOf(0), digest, later);
  await publisher.start();
  const exits = ["a1", "b1"].map((server) => newExit(carrier, server, { jitterMs: 600_000, clock }));
  await until(() => exits.every(({ replica }) => replica.size === 1), "the first roster");
  const asked = exits.map(({ requests }) => requests());

  clock.advance(LONG_OUTAGE_MS);
  const other = office(new MemoryCarrier(), { clock });
  other.setCredential(nameOf(0), digest, later);
  other.raiseVersion(publisher.version + 1000);
  await publisher.close();
  await other.addCarrier(carrier);
  await other.start();
  carrier.resume();
  await until(() => exits.every(({ replica }) => replica.version! > publisher.version), "the other's header");
  other.removeCredential(nameOf(0));
  await until(() => exits.every(({ replica }) => replica.size === 0), "the other's change");
  assert.deepEqual(
    exits.map(({ requests }) => requests()),
    asked,
  );
  for (const { replica } of exits) replica.close();
  await other.close();
});

test("what was missed in a short outage is asked for at once: an account that was ended meanwhile, or right after it", async () => {
  const carrier = new CountedCarrier();
  const publisher = office(carrier);
  for (const i of [0, 1, 2]) publisher.setCredential(nameOf(i), digest, later);
  await publisher.start();
  const exits = ["a1", "b1"].map((server) => newExit(carrier, server, { jitterMs: 600_000 }));
  await until(() => exits.every(({ replica }) => replica.size === 3), "first rosters");
  await carrier.close();
  publisher.removeCredential(nameOf(0));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await carrier.start();
  publisher.removeCredential(nameOf(1));
  await until(() => exits.every(({ replica }) => replica.size === 1), "both are gone", 5000);
  for (const { replica } of exits) replica.close();
  await publisher.close();
});

test("an exit with a roster that holds waits at random before it asks what it missed for long; one without asks at once", async () => {
  const carrier = new CountedCarrier();
  const clock = new FakeClock();
  const publisher = office(carrier, { clock });
  await publisher.start();
  const [patient, quick] = [
    newExit(carrier, "a1", { jitterMs: 600_000, clock }),
    newExit(carrier, "b1", { jitterMs: 20, clock }),
  ];
  // Neither has a roster: both ask, long before the ten minutes.
  await until(
    () => patient.replica.version !== undefined && quick.replica.version !== undefined,
    "first rosters",
  );
  await carrier.close();
  publisher.setCredential(nameOf(0), digest, later);
  await new Promise((resolve) => setTimeout(resolve, 30));
  clock.advance(LONG_OUTAGE_MS);
  await carrier.start();
  carrier.resume();
  await until(() => quick.replica.size === 1, "what the quick one missed");
  assert.equal(patient.replica.size, 0);
  // What comes while it waits is not applied to a roster that it does not fit.
  publisher.setCredential(nameOf(1), digest, later);
  await until(() => quick.replica.size === 2, "the next change");
  assert.equal(patient.replica.size, 0);
  assert.deepEqual(patient.reasons("roster-refused"), ["unknown"]);
  for (const { replica } of [patient, quick]) replica.close();
  await publisher.close();
});

test("an exit that is newer than the office reads its documents; one that is too old does not", async () => {
  const carrier = new CountedCarrier();
  const publisher = office(carrier);
  publisher.setCredential(nameOf(0), digest, later);
  await publisher.start();
  const newer = newExit(carrier, "a1", { protocol: 3 as Protocol });
  await until(() => newer.replica.size === 1, "the newer one's roster");
  const tooNew = newExit(carrier, "b1", { protocol: 4 as Protocol });
  await until(() => tooNew.reasons("roster-refused").includes("protocol"), "a refusal");
  assert.equal(tooNew.replica.version, undefined);
  const { exit } = newer;
  const nonce = "bm9uY2U=";
  await assert.rejects(exit.request(wire.encodeHello({ protocol: 0, nonce, server: "a1", seen: 0 })));
  for (const { replica } of [newer, tooNew]) replica.close();
  await publisher.close();
});

test("versions rise above a floor that another office or a backup has set, and exits follow", async () => {
  const carrier = new CountedCarrier();
  const publisher = office(carrier);
  publisher.setSettings("a1", settingsFor("a1"));
  await publisher.start();
  const { replica } = newExit(carrier, "a1");
  await until(() => replica.version !== undefined, "the first roster");
  const floor = publisher.version + 3_600_000;
  publisher.raiseVersion(floor);
  publisher.raiseVersion(1);
  await until(() => replica.version! > floor, "a version above the floor");
  assert.ok(publisher.version > floor);
  replica.close();
  await publisher.close();
});

test("one exit that claims to have seen ever higher versions does not make the office speak to all each time", async () => {
  const carrier = new CountedCarrier();
  const publisher = office(carrier);
  await publisher.start();
  const exit = carrier.connect({ server: "a1" });
  await new Promise<void>((resolve) => {
    exit.onUp(resolve);
    exit.start();
  });
  const { version } = publisher;
  carrier.broadcasts = [];
  for (let i = 1; i <= 50; i++) {
    const seen = version + i * 100_000;
    await exit.request(wire.encodeHello({ protocol: 2, nonce: "bm9uY2U=", server: "a1", seen }));
  }
  assert.equal(carrier.broadcasts.length, 1);
  assert.ok(publisher.version > version + 100_000 && publisher.version < version + 200_000);
  const tooFar = Date.now() + 30 * 86_400_000;
  const last = publisher.version;
  await exit.request(wire.encodeHello({ protocol: 2, nonce: "bm9uY2U=", server: "a1", seen: tooFar }));
  assert.equal(publisher.version, last);
  await publisher.close();
});

test("what is asked or reported under another server's name is refused", async () => {
  const carrier = new MemoryCarrier();
  const { log, reasons } = recordingLog();
  const publisher = office(carrier, { log });
  const taken: Report[] = [];
  publisher.onReport(async (report) => void taken.push(report));
  publisher.setSettings("b1", settingsFor("b1"));
  await publisher.start();
  const { exit, replica } = newExit(carrier, "a1");
  await until(() => replica.version !== undefined, "up");
  const hello = { protocol: 2, nonce: "bm9uY2U=", server: "b1", seen: 0 };
  const refused = (error: unknown) => error instanceof CarrierError && error.code === "refused";
  await assert.rejects(exit.request(wire.encodeHello(hello)), refused);
  assert.ok((await exit.request(wire.encodeHello({ ...hello, server: "a1" }))).length > 0);
  for (const server of ["b1", "a1"])
    exit.publishReport(
      encodeReport({ kind: "health", protocol: 2, server, minute: 1, release: "", services: [] }),
    );
  await until(() => taken.length === 1, "a report");
  assert.equal(taken[0]!.server, "a1");
  assert.deepEqual(reasons("totals-refused"), ["foreign"]);
  replica.close();
  await publisher.close();
});

test("files by their digest, and a certificate for whoever asks, never for another", async () => {
  const carrier = new MemoryCarrier();
  const sha256 = "ab".repeat(32);
  const asked: string[] = [];
  const publisher = office(carrier, {
    files: (digest, offset) => {
      asked.push(`${digest} ${offset}`);
      return digest === sha256 ? Buffer.from("bytes").subarray(offset) : undefined;
    },
    sign: (server, request) => (request.includes("good") ? `certificate of ${server}\n` : undefined),
  });
  await publisher.start();
  const { exit, replica } = newExit(carrier, "a1");
  await until(() => replica.version !== undefined, "up");
  assert.equal(Buffer.from(await requestFileChunk(exit, sha256, 2)).toString(), "tes");
  assert.equal((await requestFileChunk(exit, sha256, 5)).length, 0);
  await assert.rejects(requestFileChunk(exit, "cd".repeat(32), 4_000_000_000), CarrierError);
  assert.deepEqual(asked, [`${sha256} 2`, `${sha256} 5`, `${"cd".repeat(32)} 4000000000`]);
  assert.equal(await requestCertificate(exit, "a good request"), "certificate of a1\n");
  await assert.rejects(requestCertificate(exit, "another"), CarrierError);
  await assert.rejects(requestCertificate(exit, "good\0"), CarrierError);
  await assert.rejects(exit.request(Uint8Array.of(wire.REQUEST.file, 1, 2, 3)), CarrierError);

  const without = new MemoryCarrier();
  await publisher.addCarrier(without);
  const bare = office(without);
  await bare.start();
  const second = without.connect();
  await new Promise<void>((resolve) => {
    second.onUp(resolve);
    second.start();
  });
  await assert.rejects(requestFileChunk(second, sha256, 0), CarrierError, "an office without files");
  replica.close();
  await publisher.close();
  await bare.close();
});

test("a carrier that comes after the start serves, and one that is taken out falls silent", async () => {
  const [first, second] = [new CountedCarrier(), new CountedCarrier()];
  const publisher = office(first);
  await publisher.start();
  await publisher.addCarrier(second);
  const { replica } = newExit(second, "b1");
  await until(() => replica.version !== undefined, "the second carrier's exit");
  await publisher.removeCarrier(second);
  second.broadcasts = [];
  publisher.setCredential(nameOf(0), digest, later);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([first.broadcasts.length > 0, second.broadcasts], [true, []]);
  replica.close();
  await publisher.close();
});
