import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock, toMinutes } from "../lib/clock.ts";
import type { ExitCarrier, OfficeCarrier } from "../link/carrier.ts";
import { MemoryCarrier } from "../link/memory-carrier.ts";
import { RosterPublisher } from "../link/publisher.ts";
import { RosterReplica } from "../link/replica.ts";
import { generateSiteKey } from "../link/site-key.ts";
import { passwordDigest, recordingLog, settingsFor, until } from "../link/testing.ts";
import { UnixExitCarrier, UnixOfficeCarrier } from "../link/unix-carrier.ts";
import type { LoginAttempt } from "./authorise.ts";
import { AuthoriseClient } from "./authorise-client.ts";
import { authoriseServer } from "./keeper/authorise-server.ts";
import { Sessions } from "./keeper/sessions.ts";

const attempt = (change: Partial<LoginAttempt> = {}): LoginAttempt => ({
  service: "socks5",
  username: "abcdefghijkl",
  password: "correct horse",
  address: "192.0.2.7",
  ...change,
});
const inAnHour = () => toMinutes(Date.now()) + 60;

const carriers: Record<string, (folder: string) => { office: OfficeCarrier; exit: ExitCarrier }> = {
  memory: () => {
    const office = new MemoryCarrier();
    return { office, exit: office.connect() };
  },
  "unix socket": (folder) => {
    const path = join(folder, "link");
    return { office: new UnixOfficeCarrier({ path, server: "a1" }), exit: new UnixExitCarrier({ path }) };
  },
};

/** Office, link, keeper and one proxy's client, in one process. */
async function world(kind: string) {
  const folder = mkdtempSync(join(tmpdir(), "lethe-login-"));
  const { log } = recordingLog();
  const clock = systemClock;
  const key = generateSiteKey();
  const { office, exit } = carriers[kind]!(folder);
  const publisher = new RosterPublisher({ key, clock, carriers: [office], log });
  const replica = new RosterReplica({ server: "a1", publicKey: key.publicKey, carrier: exit, clock, log });
  const sessions = new Sessions({ source: replica, timeMs: () => replica.timeMs(), clock, log });
  replica.onChange((changed) => sessions.rosterChanged(changed));
  const path = join(folder, "authorise");
  const server = authoriseServer({ path, authoriser: sessions, log });
  const client = new AuthoriseClient({ path });
  publisher.setSettings("a1", settingsFor("a1"));
  publisher.setCredential("abcdefghijkl", passwordDigest("correct horse"), inAnHour());
  await publisher.start();
  replica.start();
  sessions.start();
  await server.start();
  client.start();
  await until(() => replica.version !== undefined && client.connected, "roster and keeper");
  return {
    publisher,
    replica,
    sessions,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
      sessions.close();
      replica.close();
      await publisher.close();
      rmSync(folder, { recursive: true });
    },
  };
}

for (const kind of Object.keys(carriers)) {
  test(`over ${kind}: a credential set at the office lets its owner in at the exit, and no other`, async () => {
    await using it = await world(kind);
    const good = await it.client.login(attempt());
    assert.ok(good.admitted);
    assert.equal(it.sessions.size, 1);
    good.session.close();
    await until(() => it.sessions.size === 0, "the keeper hears of the close");
    assert.deepEqual(await it.client.login(attempt({ password: "wrong" })), {
      admitted: false,
      reason: "unknown",
    });
    assert.deepEqual(await it.client.login(attempt({ username: "mmmmmmmmmmmm" })), {
      admitted: false,
      reason: "unknown",
    });
  });

  const changes: Record<string, (publisher: RosterPublisher) => void> = {
    "changed at the office": (publisher) =>
      publisher.setCredential("abcdefghijkl", passwordDigest("new password"), inAnHour()),
    removed: (publisher) => publisher.removeCredential("abcdefghijkl"),
    "set to a time that is over": (publisher) =>
      publisher.setCredential("abcdefghijkl", passwordDigest("correct horse"), inAnHour() - 120),
    "not in a whole new roster": (publisher) =>
      void publisher.replaceAllCredentials([
        { username: "mmmmmmmmmmmm", passwordDigest: passwordDigest("x"), untilMinutes: inAnHour() },
      ]),
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`over ${kind}: a credential ${what} cuts the proxy's live session well within 2 s`, async (context) => {
      await using it = await world(kind);
      const admission = await it.client.login(attempt());
      assert.ok(admission.admitted);
      let cut = false;
      admission.session.onCut(() => {
        cut = true;
      });
      const start = performance.now();
      change(it.publisher);
      await until(() => cut, "the session is cut", 20_000);
      context.diagnostic(`cut after ${Math.round(performance.now() - start)} ms`);
      assert.equal((await it.client.login(attempt())).admitted, false);
      assert.equal(it.sessions.size, 0);
    });
  }

  test(`over ${kind}: a credential that is only extended keeps its sessions`, async () => {
    await using it = await world(kind);
    const admission = await it.client.login(attempt());
    assert.ok(admission.admitted);
    let cut = false;
    admission.session.onCut(() => {
      cut = true;
    });
    it.publisher.setCredential("abcdefghijkl", passwordDigest("correct horse"), inAnHour() + 60);
    await until(() => it.replica.authorise("abcdefghijkl")!.until > inAnHour() + 30, "the extension");
    assert.equal((await it.client.login(attempt({ password: "wrong" }))).admitted, false);
    assert.equal(cut, false);
    assert.equal(it.sessions.size, 1);
  });
}
