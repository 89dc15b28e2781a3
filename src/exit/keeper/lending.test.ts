import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { FakeClock, toMinutes } from "../../lib/clock.ts";
import { passwordDigest, recordingLog, until } from "../../link/testing.ts";
import type { Credential, LoginAttempt, Session } from "../authorise.ts";
import { AuthoriseClient } from "../authorise-client.ts";
import { authoriseServer } from "./authorise-server.ts";
import { Sessions } from "./sessions.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-lending-"));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

const attempt = (change: Partial<LoginAttempt> = {}): LoginAttempt => ({
  service: "socks5",
  username: "abcdefghijkl",
  password: "right",
  address: "192.0.2.7",
  ...change,
});

/** Where nothing shall come back by itself. */
const NEVER_MS = 3_600_000;

/** A keeper's sessions and two proxies' clients of it, on a socket; `lookMs`: how often they look for what they do not use. */
async function world(connectionsPerCredential = 1000, lookMs?: number) {
  const clock = new FakeClock();
  const roster = new Map<string, Credential>();
  const minutes = () => toMinutes(clock.now());
  const setCredential = (password = "right") =>
    roster.set("abcdefghijkl", { digest: passwordDigest(password), until: minutes() + 60 });
  setCredential();
  let holds = true;
  const { log, reasons } = recordingLog();
  const sessions = new Sessions({
    source: { authorise: (username) => roster.get(username.toLowerCase()) },
    timeMs: () => (holds ? clock.now() : undefined),
    clock,
    log,
    connectionsPerCredential,
  });
  let asked = 0;
  const authoriser = {
    login(one: LoginAttempt) {
      asked += 1;
      return sessions.login(one);
    },
    lend: (session: Session, onRecall: () => void) => sessions.lend(session, onRecall),
    giveBack: (session: Session, slots: number) => sessions.giveBack(session, slots),
  };
  const path = join(folder, `socket${sockets++}`);
  const newServer = () => authoriseServer({ path, authoriser, log });
  let server = newServer();
  await server.start();
  const clients = [new AuthoriseClient({ path, lookMs }), new AuthoriseClient({ path, lookMs })] as const;
  for (const client of clients) client.start();
  const connected = () => until(() => clients.every((client) => client.connected), "connected");
  await connected();

  const live = new Set<Session>();
  const open = async (client: 0 | 1, change: Partial<LoginAttempt> = {}) => {
    const admission = await clients[client].login(attempt(change));
    if (!admission.admitted) return admission.reason;
    live.add(admission.session);
    admission.session.onCut(() => live.delete(admission.session));
    return "admitted";
  };
  const close = (session: Session) => {
    live.delete(session);
    session.close();
  };
  return {
    clock,
    roster,
    sessions,
    clients,
    setCredential,
    live,
    open,
    close,
    lose: () => {
      holds = false;
    },
    asked: () => asked,
    refusals: () => reasons("proxy-message-refused"),
    /** Opens until each client holds a lease. */
    async lease() {
      for (const client of [0, 1, 0, 1] as const) assert.equal(await open(client), "admitted");
      assert.ok(clients.every((client) => client.leasedSlots > 10));
    },
    async restart() {
      await server.close();
      await until(() => clients.every((client) => !client.connected), "lost");
      server = newServer();
      await server.start();
      await connected();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

test("a credential in use is lent to the proxy, which then admits it without asking", async () => {
  await using it = await world();
  assert.equal(await it.open(0), "admitted");
  assert.equal(it.sessions.size, 1, "one connection alone is lent nothing");
  assert.equal(await it.open(0), "admitted");
  assert.equal(it.sessions.size, 33, "what is lent counts as used");
  for (let i = 0; i < 31; i++) assert.equal(await it.open(0, { service: "http" }), "admitted");
  assert.equal(it.asked(), 2);
  assert.equal(await it.open(0), "admitted");
  assert.equal(it.asked(), 3);
});

test("small limits count exactly what is open", async () => {
  await using it = await world(127);
  for (let i = 0; i < 127; i++) assert.equal(await it.open(i % 2 === 0 ? 0 : 1), "admitted");
  assert.equal(it.sessions.size, 127);
  assert.equal(it.asked(), 127);
  assert.equal(await it.open(0), "too-many");
  it.close([...it.live][0]!);
  assert.equal(await it.open(0), "admitted");
  assert.equal(await it.open(1), "too-many");
});

test("at a larger limit too: as many are admitted as it says, by either proxy", async () => {
  await using it = await world(200);
  for (let i = 0; i < 200; i++) assert.equal(await it.open(i < 90 ? 0 : 1), "admitted", `the ${i}th`);
  assert.ok(it.asked() < 180, "the first by leases");
  assert.equal(await it.open(0), "too-many");
  assert.equal(await it.open(1), "too-many");
  it.close([...it.live][0]!);
  await until(() => it.sessions.size === 199, "the keeper hears of it");
  assert.equal(await it.open(1), "admitted");
  assert.equal(await it.open(0), "too-many");
});

test("the limit is never exceeded, whatever is opened, closed, cut and changed, at two proxies", async () => {
  const client = fc.constantFrom(0 as const, 1 as const);
  const address = fc.constantFrom("192.0.2.7", "2001:db8::1");
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ open: fc.nat(80), client, address }) },
    { weight: 3, arbitrary: fc.record({ close: fc.nat(80) }) },
    { weight: 1, arbitrary: fc.record({ wrong: client }) },
    { weight: 1, arbitrary: fc.constant({ cut: true }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 100, max: 300 }),
      fc.array(step, { maxLength: 25 }),
      async (limit, steps) => {
        await using it = await world(limit);
        const check = () => {
          assert.ok(it.live.size <= limit, `${it.live.size} of ${limit}`);
        };
        for (const one of steps) {
          if ("open" in one) {
            const logins = Array.from({ length: one.open }, async () => {
              const answer = await it.open(one.client, { address: one.address });
              assert.ok(answer === "admitted" || answer === "too-many");
              check();
            });
            await Promise.all(logins);
          } else if ("close" in one) {
            // Those in the middle, so that leases are left with some of theirs.
            for (const session of [...it.live].slice(5, 5 + one.close)) it.close(session);
          } else if ("wrong" in one) {
            assert.equal(await it.open(one.wrong, { password: "wrong", address: "192.0.2.99" }), "unknown");
            it.clock.advance(60_000);
            it.setCredential();
            it.sessions.rosterChanged("all");
          } else {
            it.roster.clear();
            it.sessions.rosterChanged("all");
            await until(() => it.live.size === 0, "all are cut");
            it.setCredential();
          }
          check();
        }
        // And nothing is lost on the way: with everything closed, nothing counts as used.
        for (const session of [...it.live]) it.close(session);
        it.clock.advance(60_000);
        it.setCredential();
        await it.open(0, { password: "wrong" });
        await until(() => it.sessions.size === 0, "all slots are back");
        assert.deepEqual(it.refusals(), []);
      },
    ),
    { numRuns: 30 },
  );
});

const cuts: Record<string, (it: Awaited<ReturnType<typeof world>>) => void> = {
  "a renewed credential": (it) => {
    it.setCredential("new");
    it.sessions.rosterChanged(["abcdefghijkl"]);
  },
  "a credential removed": (it) => {
    it.roster.clear();
    it.sessions.rosterChanged(["abcdefghijkl"]);
  },
  "a roster replaced": (it) => {
    it.roster.clear();
    it.sessions.rosterChanged("all");
  },
  "the end of the paid time": (it) => {
    it.clock.advance(60 * 60_000);
    it.sessions.sweep();
  },
  "a roster that has run out": (it) => {
    it.lose();
    it.sessions.sweep();
  },
};
for (const [what, cut] of Object.entries(cuts)) {
  test(`${what} ends every session that was admitted by a lease, and the lease`, async () => {
    await using it = await world();
    await it.lease();
    for (let i = 0; i < 20; i++) await it.open(i % 2 === 0 ? 0 : 1);
    assert.ok(it.asked() <= 4);
    const asked = it.asked();
    const start = performance.now();
    cut(it);
    assert.equal(it.sessions.size, 0);
    await until(() => it.live.size === 0, "all are cut");
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 10_000, `${tookMs} ms`);
    for (const client of [0, 1] as const) {
      assert.notEqual(await it.open(client), "admitted");
      assert.equal(it.clients[client].leasedSlots, 0);
    }
    assert.equal(it.asked(), asked + 2);
  });
}

test("a wrong password is never admitted by a lease, and the keeper hears of it", async () => {
  await using it = await world();
  await it.lease();
  const asked = it.asked();
  assert.equal(await it.open(0, { password: "wrong" }), "unknown");
  assert.equal(await it.open(1, { username: "mmmmmmmmmmmm" }), "unknown");
  assert.equal(it.asked(), asked + 2);
});

test("guessing is slowed as without leases: where there were too many wrong tries, the right password waits too", async () => {
  await using it = await world();
  await it.lease();
  for (let i = 0; i < 10; i++) assert.equal(await it.open(0, { password: `wrong${i}` }), "unknown");
  assert.equal(await it.open(0), "slow-down", "the lease is recalled before the first wrong try is answered");
  for (const client of [0, 1] as const) {
    await until(() => it.clients[client].leasedSlots <= 2, "recalled");
    assert.equal(await it.open(client), "slow-down");
    assert.equal(await it.open(client, { address: "192.0.2.8" }), "admitted");
    assert.equal(await it.open(client, { address: "192.0.2.8" }), "admitted");
    assert.equal(await it.open(client), "slow-down", "another address's lease is not for this one");
  }
  assert.equal(it.live.size, 8, "nobody is cut for another's guessing");
});

test("what is lent and not used comes back by itself", async () => {
  await using it = await world();
  await it.lease();
  const [first] = it.live;
  await until(() => it.sessions.size === 4, "unused slots are back");
  for (const session of it.live) if (session !== first) it.close(session);
  await until(() => it.sessions.size === 1, "those of closed connections too");
});

test("a limit that is lowered holds at once for what was lent before", async () => {
  await using it = await world(1000, NEVER_MS);
  await it.lease();
  it.sessions.setLimits({ connectionsPerCredential: 6 });
  await until(() => it.sessions.size === 4, "unused slots are back");
  assert.equal(await it.open(0), "admitted");
  assert.equal(await it.open(1), "admitted");
  assert.equal(await it.open(0), "too-many");
});

test("draining holds at once for what was lent before, and ends no session", async () => {
  await using it = await world(1000, NEVER_MS);
  await it.lease();
  const live = it.live.size;
  it.sessions.setDraining(true);
  await until(() => it.clients.every((client) => client.leasedSlots <= 2), "unused slots are back");
  for (const client of [0, 1] as const) assert.equal(await it.open(client), "draining");
  assert.equal(it.live.size, live);
});

test("a keeper that is started again: sessions have ended, and it is asked afresh", async () => {
  await using it = await world();
  await it.lease();
  await it.restart();
  assert.equal(it.live.size, 0);
  assert.equal(it.sessions.size, 0);
  assert.ok(it.clients.every((client) => client.leasedSlots === 0));
  const asked = it.asked();
  assert.equal(await it.open(0), "admitted");
  assert.equal(it.asked(), asked + 1);
});

test("a proxy lost: what it had been lent is free, the other's lease goes on", async () => {
  await using it = await world();
  await it.lease();
  it.clients[0].close();
  await until(() => it.sessions.size <= 33, "the lost proxy's slots");
  const asked = it.asked();
  assert.equal(await it.open(1), "admitted");
  assert.equal(it.asked(), asked);
});

test("a session is lent once, and no more is given back than was lent", async () => {
  await using it = await world();
  await it.open(0);
  const admission = await it.sessions.login(attempt());
  assert.ok(admission.admitted);
  assert.equal(
    it.sessions.lend(admission.session, () => {}),
    32,
  );
  assert.equal(
    it.sessions.lend(admission.session, () => {}),
    1,
    "lent once only",
  );
  assert.equal(it.sessions.giveBack(admission.session, 32), false, "more than its slots beside its own");
  assert.equal(it.sessions.giveBack(admission.session, 31), true);
  assert.equal(it.sessions.size, 2);
  admission.session.close();
  assert.equal(it.sessions.size, 1);
});

test("a lease that ends whole gives back what it counted for", async () => {
  await using it = await world(128);
  await it.open(0);
  const admission = await it.sessions.login(attempt());
  assert.ok(admission.admitted);
  assert.equal(
    it.sessions.lend(admission.session, () => {}),
    32,
  );
  admission.session.close();
  for (let i = 0; i < 127; i++) assert.ok((await it.sessions.login(attempt())).admitted, `the ${i}th`);
  assert.ok(!(await it.sessions.login(attempt())).admitted);
});

test("a VPN client is lent nothing", async () => {
  await using it = await world();
  await it.open(0);
  const admission = await it.sessions.login(attempt({ service: "openvpn" }));
  assert.ok(admission.admitted);
  assert.equal(
    it.sessions.lend(admission.session, () => {}),
    1,
  );
});
