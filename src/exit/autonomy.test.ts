import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FakeClock, toMinutes } from "../lib/clock.ts";
import { MemoryCarrier } from "../link/memory-carrier.ts";
import { RosterPublisher } from "../link/publisher.ts";
import { RosterReplica } from "../link/replica.ts";
import { generateSiteKey } from "../link/site-key.ts";
import { passwordDigest, recordingLog, settingsFor, until } from "../link/testing.ts";
import { Sessions } from "./keeper/sessions.ts";
import { startServer, testSettings, Wire } from "./proxy/testing.ts";
import { createProxyWorker } from "./proxy/worker.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PASSWORD = "right";
/** Paid for a year, for two days from the test's start, and until a minute before it. */
const [LASTING, ENDING, ENDED] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"];

const key = generateSiteKey();
const folder = mkdtempSync(join(tmpdir(), "lethe-autonomy-"));
after(() => rmSync(folder, { recursive: true }));
let seals = 0;

/** An office and an exit's roster and sessions, on one fake clock: its `jump` is the wall clock of the exit. */
async function world() {
  const clock = new FakeClock();
  const startMs = clock.now();
  /** The office's own clock is right whatever happens to the exit's. */
  const officeClock = { now: () => startMs + clock.monotonic(), monotonic: () => clock.monotonic() };
  const office = new MemoryCarrier();
  const { log, reasons } = recordingLog();
  const newPublisher = async () => {
    const publisher = new RosterPublisher({ key, clock: officeClock, carriers: [office], log: () => {} });
    publisher.setSettings("a1", settingsFor("a1"));
    for (const [username, untilMs] of [
      [LASTING, startMs + 365 * DAY_MS],
      [ENDING, startMs + 2 * DAY_MS],
      [ENDED, startMs - 60_000],
    ] as const) {
      publisher.setCredential(username, passwordDigest(PASSWORD), toMinutes(untilMs));
    }
    await publisher.start();
    return publisher;
  };
  const seal = { path: join(folder, `seal-${++seals}`), key: Buffer.alloc(32, 1) };
  const newExit = () => {
    const replica = new RosterReplica({
      server: "a1",
      publicKey: key.publicKey,
      carrier: office.connect(),
      clock,
      log,
      seal,
      retryMs: 5,
      uptimeMs: () => clock.monotonic(),
    });
    const confirmed = () => replica.confirmed;
    const timeMs = () => replica.timeMs();
    const sessions = new Sessions({ source: replica, timeMs, clock, log, confirmed });
    replica.onChange((changed) => sessions.rosterChanged(changed));
    replica.start();
    return { replica, sessions };
  };
  const publisher = await newPublisher();
  const exit = newExit();
  await until(() => exit.replica.timeMs() !== undefined, "a roster");
  return { clock, office, publisher, newPublisher, exit, newExit, reasons };
}

const logIn = (sessions: Sessions, username: string, service: "socks5" | "openvpn" = "openvpn") =>
  sessions.login({ service, username, password: PASSWORD, address: "192.0.2.7" });
const answer = async (sessions: Sessions, username: string): Promise<string> => {
  const admission = await logIn(sessions, username);
  if (!admission.admitted) return admission.reason;
  admission.session.close();
  return "admitted";
};

test("the office gone for 72 hours: live sessions and new logins go on, each to its own end; then all ends", async () => {
  const { clock, publisher, newPublisher, exit, reasons } = await world();
  const { sessions, replica } = exit;
  const ends: string[] = [];
  for (const username of [LASTING, ENDING]) {
    const admission = await logIn(sessions, username);
    assert.ok(admission.admitted);
    admission.session.onCut(() => ends.push(username));
  }
  await publisher.close();

  clock.advance(2 * DAY_MS - 60_000);
  sessions.sweep();
  assert.deepEqual(ends, []);
  assert.equal(await answer(sessions, ENDING), "admitted");
  clock.advance(60_000);
  sessions.sweep();
  assert.deepEqual(ends, [ENDING], "its paid time is over, office or not");
  assert.equal(await answer(sessions, ENDING), "expired");

  clock.advance(DAY_MS - 1);
  sessions.sweep();
  assert.deepEqual(ends, [ENDING]);
  assert.equal(await answer(sessions, LASTING), "admitted");
  clock.advance(1);
  assert.equal(await answer(sessions, LASTING), "unavailable");
  sessions.sweep();
  assert.deepEqual(ends, [ENDING, LASTING]);
  assert.deepEqual(reasons("sessions-cut"), ["outdated"]);

  const again = await newPublisher();
  await until(async () => (await answer(sessions, LASTING)) === "admitted", "the office's return");
  assert.equal(await answer(sessions, ENDING), "expired");
  replica.close();
  await again.close();
});

test("after 72 hours without the office each protocol says why it lets nobody in", async () => {
  const { clock, publisher, exit } = await world();
  const echo = await startServer((socket) => socket.pipe(socket));
  const worker = createProxyWorker({ authoriser: exit.sessions, log: () => {} });
  const reports = await worker.apply({ settings: testSettings({}), ownAddresses: [], resolvers: [] });
  const port = (name: string) => reports.find(({ service }) => service === name)!.port;
  await publisher.close();
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  const socks = async () => {
    const wire = new Wire(port("socks5"));
    wire.send(Buffer.of(5, 1, 2, 1, ...text(LASTING), ...text(PASSWORD)));
    const status = (await wire.take(4))[3];
    wire.close();
    return status;
  };
  const http = async () => {
    const login = Buffer.from(`${LASTING}:${PASSWORD}`).toString("base64");
    const wire = new Wire(port("http"));
    wire.send(
      `CONNECT 127.0.0.1:${echo.port} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProxy-Authorization: Basic ${login}\r\n\r\n`,
    );
    const head = await wire.takeUntil("\r\n\r\n");
    const body = head.includes(" 200 ") ? "" : await wire.takeAll();
    wire.close();
    return head + body;
  };
  clock.advance(3 * DAY_MS - 1);
  assert.equal(await socks(), 0);
  assert.match(await http(), /^HTTP\/1\.1 200 /);
  clock.advance(1);
  assert.equal(await socks(), 5);
  assert.match(await http(), /^HTTP\/1\.1 503 .*cannot check logins.*choose another server/s);
  worker.close();
  echo.close();
  exit.replica.close();
});

test("a crash and the office gone at once: a member newer than the sealed roster is not sent away before the office says so", async () => {
  const { exit, newExit, newPublisher, publisher, office } = await world();
  exit.replica.close();
  await office.close();
  const again = newExit();
  await until(() => again.replica.timeMs() !== undefined, "the sealed roster");
  const readmission = async (username: string) => {
    const admission = await again.sessions.readmit({ service: "openvpn", username });
    if (admission.admitted) admission.session.close();
    return admission.admitted ? "admitted" : admission.reason;
  };
  assert.equal(await readmission("dddddddddddd"), "unavailable");
  assert.equal(await readmission(LASTING), "admitted");
  assert.equal(await readmission(ENDED), "expired");
  await publisher.close();
  const back = await newPublisher();
  await until(async () => (await readmission("dddddddddddd")) === "unknown", "the office's word");
  again.replica.close();
  await back.close();
});

for (const [words, jumpMs] of [
  ["an hour fast", HOUR_MS],
  ["an hour slow", -HOUR_MS],
  ["a day fast", DAY_MS],
  ["a day slow", -DAY_MS],
] as const) {
  test(`an exit whose clock is ${words} lets nobody in whose time is over, and shuts nobody out`, async () => {
    const { clock, publisher, exit, newExit } = await world();
    const { sessions, replica } = exit;
    const live = await logIn(sessions, LASTING);
    assert.ok(live.admitted);
    let cut = 0;
    live.session.onCut(() => {
      cut += 1;
    });
    const asEver = async (of: Sessions) => {
      of.sweep();
      assert.equal(await answer(of, LASTING), "admitted");
      assert.equal(await answer(of, ENDED), "expired");
      assert.equal(cut, 0);
    };
    clock.jump(jumpMs);
    await asEver(sessions);
    // Cut off as well, and wrong again the other way.
    await publisher.close();
    clock.jump(-2 * jumpMs);
    await asEver(sessions);
    clock.advance(2 * DAY_MS - 60_000);
    assert.equal(await answer(sessions, ENDING), "admitted", "a minute is left");
    clock.advance(60_000);
    assert.equal(await answer(sessions, ENDING), "expired", "to the minute, by no clock that can be set");

    // Another process has the same roster and the same time from the seal.
    replica.close();
    clock.jump(jumpMs);
    const next = newExit();
    await asEver(next.sessions);
    assert.equal(await answer(next.sessions, ENDING), "expired");
    next.replica.close();
  });
}
