import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, toMinutes } from "../../lib/clock.ts";
import { passwordDigest, recordingLog } from "../../link/testing.ts";
import type { Admission, Credential, LoginAttempt, Secret, Session } from "../authorise.ts";
import { Sessions } from "./sessions.ts";

const attempt = (change: Partial<LoginAttempt> = {}): LoginAttempt => ({
  service: "socks5",
  username: "abcdefghijkl",
  password: "right",
  address: "192.0.2.7",
  ...change,
});

interface Limits {
  connectionsPerCredential?: number;
  sessionsPerCredential?: number;
  maxSessions?: number;
}

function world(options: Limits = {}) {
  const clock = new FakeClock();
  const roster = new Map<string, Credential>();
  const minutes = () => toMinutes(clock.now());
  roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: minutes() + 60 });
  let holds = true;
  const { log, events } = recordingLog();
  const sessions = new Sessions({
    source: {
      authorise: (username) => roster.get(username.toLowerCase()),
      ntHash: (username) => (roster.has(username.toLowerCase()) ? Buffer.alloc(16, 7) : undefined),
    },
    timeMs: () => (holds ? clock.now() : undefined),
    clock,
    log,
    ...options,
  });
  return {
    clock,
    roster,
    sessions,
    events,
    minutes,
    lose: () => {
      holds = false;
    },
    async open(change: Partial<LoginAttempt> = {}): Promise<{ session: Session; cuts: () => number }> {
      const admission = await sessions.login(attempt(change));
      assert.ok(admission.admitted);
      let cuts = 0;
      admission.session.onCut(() => cuts++);
      return { session: admission.session, cuts: () => cuts };
    },
    async refusal(change: Partial<LoginAttempt> = {}) {
      const admission = await sessions.login(attempt(change));
      return admission.admitted ? "admitted" : admission.reason;
    },
  };
}

test("unknown name and wrong password get one answer", async () => {
  const it = world();
  assert.equal(await it.refusal({ password: "wrong" }), "unknown");
  assert.equal(await it.refusal({ username: "mmmmmmmmmmmm" }), "unknown");
  assert.equal(await it.refusal({ username: "" }), "unknown");
  assert.equal(await it.refusal({ password: "" }), "unknown");
  assert.equal(await it.refusal({ password: "x".repeat(10_000) }), "unknown");
  assert.equal(await it.refusal({ username: "x".repeat(10_000) }), "unknown");
  assert.equal(await it.refusal(), "admitted");
});

test("a name nobody has is never opened by a password of zeroes' digest or any other", async () => {
  const it = world();
  for (const password of ["", "\0".repeat(32), "right"]) {
    assert.equal(await it.refusal({ username: "zzzzzzzzzzzz", password }), "unknown");
  }
});

test("good until the minute, and not in it", async () => {
  const it = world();
  it.clock.advance(60 * 60_000 - 1);
  assert.equal(await it.refusal(), "admitted");
  it.clock.advance(1);
  assert.equal(await it.refusal(), "expired");
  assert.equal(await it.refusal({ password: "wrong" }), "unknown");
});

test("without a roster nobody can say", async () => {
  const it = world();
  it.lose();
  assert.equal(await it.refusal(), "unavailable");
});

test("the sweep ends what has run out, once, and leaves the rest", async () => {
  const it = world();
  it.roster.set("mmmmmmmmmmmm", { digest: passwordDigest("right"), until: it.minutes() + 120 });
  const one = await it.open();
  const other = await it.open({ username: "mmmmmmmmmmmm" });
  it.sessions.sweep();
  assert.equal(one.cuts(), 0);
  it.clock.advance(60 * 60_000);
  it.sessions.sweep();
  it.sessions.sweep();
  assert.equal(one.cuts(), 1);
  assert.equal(other.cuts(), 0);
  assert.equal(it.sessions.size, 1);
  assert.deepEqual(it.events, []);
});

test("a roster that has run out ends everybody's sessions", async () => {
  const it = world();
  const one = await it.open();
  it.lose();
  it.sessions.sweep();
  assert.equal(one.cuts(), 1);
  assert.deepEqual(it.events, [{ code: "sessions-cut", reason: "outdated" }]);
});

test("a changed password, a removed row and a shortened time end sessions; an extension does not", async () => {
  const changes: [cut: boolean, (it: ReturnType<typeof world>) => void][] = [
    [
      true,
      (it) => it.roster.set("abcdefghijkl", { digest: passwordDigest("new"), until: it.minutes() + 60 }),
    ],
    [true, (it) => it.roster.delete("abcdefghijkl")],
    [true, (it) => it.roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: it.minutes() })],
    [
      false,
      (it) => it.roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: it.minutes() + 90 }),
    ],
  ];
  for (const changed of [["abcdefghijkl"], "all"] as const) {
    for (const [cut, change] of changes) {
      const it = world();
      const sessions = [
        await it.open(),
        await it.open({ service: "openvpn" }),
        await it.open({ service: "http" }),
      ];
      change(it);
      it.sessions.rosterChanged(changed === "all" ? "all" : [...changed]);
      for (const session of sessions) assert.equal(session.cuts(), cut ? 1 : 0);
      assert.equal(it.sessions.size, cut ? 0 : 3);
    }
  }
});

test("after an extension the session ends at the new time", async () => {
  const it = world();
  const one = await it.open();
  it.roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: it.minutes() + 90 });
  it.sessions.rosterChanged(["abcdefghijkl"]);
  it.clock.advance(61 * 60_000);
  it.sessions.sweep();
  assert.equal(one.cuts(), 0);
  it.clock.advance(30 * 60_000);
  it.sessions.sweep();
  assert.equal(one.cuts(), 1);
});

test("a proxy connection over the credential's limit is refused until one is closed; spelling makes no second limit", async () => {
  const it = world({ connectionsPerCredential: 2 });
  const one = await it.open();
  await it.open({ service: "http", username: "ABCDEFGHIJKL" });
  assert.equal(await it.refusal(), "too-many");
  await it.open({ service: "openvpn" });
  one.session.close();
  one.session.close();
  assert.equal(await it.refusal(), "admitted");
  assert.equal(await it.refusal(), "too-many");
  it.sessions.setLimits({ connectionsPerCredential: 3 });
  assert.equal(await it.refusal(), "admitted");
});

test("a full table lets nobody more in", async () => {
  const it = world({ maxSessions: 2 });
  const one = await it.open();
  await it.open();
  assert.equal(await it.refusal(), "too-many");
  one.session.close();
  assert.equal(await it.refusal(), "admitted");
});

test("guessing is slowed, also for the right password from there, and not from elsewhere", async () => {
  const it = world();
  for (let i = 0; i < 10; i++) assert.equal(await it.refusal({ password: `wrong${i}` }), "unknown");
  assert.equal(await it.refusal({ password: "wrong" }), "slow-down");
  assert.equal(await it.refusal(), "slow-down");
  assert.equal(await it.refusal({ address: "192.0.2.8" }), "admitted");
  assert.deepEqual(it.events, [{ code: "guessing-slowed" }]);
  it.clock.advance(6000);
  assert.equal(await it.refusal(), "admitted");
});

test("a closed session is not cut, and one cut before anyone listens tells at once", async () => {
  const it = world();
  const closed = await it.open();
  closed.session.close();
  const admission = await it.sessions.login(attempt());
  assert.ok(admission.admitted);
  it.roster.clear();
  it.sessions.rosterChanged("all");
  let cuts = 0;
  admission.session.onCut(() => cuts++);
  assert.equal(cuts, 1);
  assert.equal(closed.cuts(), 0);
  assert.equal(it.sessions.size, 0);
});

test("one holder that fails at its cut does not keep the others online", async () => {
  const it = world();
  const bad = await it.sessions.login(attempt());
  assert.ok(bad.admitted);
  bad.session.onCut(() => {
    throw new Error("holder");
  });
  const good = await it.open();
  it.roster.clear();
  it.sessions.rosterChanged("all");
  assert.equal(good.cuts(), 1);
  assert.equal(it.sessions.size, 0);
});

test("a source that fails makes a login unavailable", async () => {
  const { log } = recordingLog();
  const sessions = new Sessions({
    source: {
      authorise: () => {
        throw new Error("source");
      },
    },
    timeMs: () => 1,
    clock: new FakeClock(),
    log,
  });
  assert.deepEqual(await sessions.login(attempt()), { admitted: false, reason: "unavailable" });
});

test("a VPN client that outlived the keeper is taken back by its name, and cut like any other", async () => {
  const it = world({ connectionsPerCredential: 1 });
  await it.open();
  const client = { service: "openvpn", username: "ABCDEFGHIJKL" } as const;
  const back = await it.sessions.readmit(client);
  assert.ok(back.admitted);
  let cuts = 0;
  back.session.onCut(() => cuts++);
  const readmission = async () => {
    const admission = await it.sessions.readmit(client);
    return admission.admitted ? "admitted" : admission.reason;
  };
  it.roster.set("abcdefghijkl", { digest: passwordDigest("new"), until: it.minutes() });
  it.sessions.rosterChanged(["abcdefghijkl"]);
  assert.equal(cuts, 1);
  assert.equal(await readmission(), "expired");
  it.roster.clear();
  assert.equal(await readmission(), "unknown");
  it.lose();
  assert.equal(await readmission(), "unavailable");
});

test("draining: nobody new is let in, who is online stays, also over a keeper's restart, and other refusals come first", async () => {
  const it = world();
  const live = await it.open();
  it.sessions.setDraining(true);
  it.sessions.sweep();
  assert.equal(live.cuts(), 0);
  assert.equal(await it.refusal(), "draining");
  assert.equal(await it.refusal({ service: "openvpn" }), "draining");
  assert.equal(await it.refusal({ password: "wrong" }), "unknown");
  const back = await it.sessions.readmit({ service: "openvpn", username: "abcdefghijkl" });
  assert.ok(back.admitted);
  it.roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: it.minutes() });
  assert.equal(await it.refusal(), "expired");
  it.sessions.rosterChanged(["abcdefghijkl"]);
  assert.equal(live.cuts(), 1);
  it.roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: it.minutes() + 60 });
  it.sessions.setDraining(false);
  assert.equal(await it.refusal(), "admitted");
});

const reasonOf = (admission: Admission) => (admission.admitted ? "admitted" : admission.reason);

test("sessions of all services count together; past the limit the newest is refused, and a free place is given again", async () => {
  const it = world({ sessionsPerCredential: 4 });
  const device = { service: "wireguard", username: "ABCDEFGHIJKL" } as const;
  const openvpn = await it.open({ service: "openvpn" });
  await it.open({ service: "ssh" });
  assert.equal(reasonOf(await it.sessions.occupy(device)), "admitted");
  assert.equal(reasonOf(await it.sessions.challenge(attempt({ service: "ikev2" }), () => true)), "admitted");
  for (const service of ["openvpn", "ssh", "socks5", "socks5-tls", "http", "https", "ikev2"] as const)
    assert.equal(await it.refusal({ service }), "too-many", service);
  assert.equal(reasonOf(await it.sessions.occupy(device)), "too-many");
  assert.equal(reasonOf(await it.sessions.challenge(attempt({ service: "ikev2" }), () => true)), "too-many");
  assert.equal(openvpn.cuts(), 0, "who is online stays");
  it.roster.set("mmmmmmmmmmmm", { digest: passwordDigest("right"), until: it.minutes() + 60 });
  assert.equal(
    await it.refusal({ username: "mmmmmmmmmmmm" }),
    "admitted",
    "others have a limit of their own",
  );

  openvpn.session.close();
  const socks = await it.open({ service: "socks5" });
  assert.equal(reasonOf(await it.sessions.occupy(device)), "too-many");
  socks.session.close();
  assert.equal(reasonOf(await it.sessions.occupy(device)), "admitted");
});

test("all proxy connections from one address are one session; its last one gives the place back", async () => {
  const it = world({ sessionsPerCredential: 2 });
  const open: Session[] = [];
  for (const service of ["socks5", "http", "https", "socks5-tls", "socks5"] as const)
    open.push((await it.open({ service })).session);
  await it.open({ address: "2001:db8::1" });
  assert.equal(await it.refusal({ address: "2001:db8::2" }), "admitted", "one customer has a whole /64");
  assert.equal(await it.refusal({ address: "::ffff:192.0.2.7" }), "admitted");
  assert.equal(await it.refusal({ address: "192.0.2.8" }), "too-many");
  assert.equal(await it.refusal({ service: "openvpn" }), "too-many");
  for (const session of open.slice(1)) session.close();
  assert.equal(await it.refusal({ address: "192.0.2.8" }), "too-many");
  const [last] = open;
  last!.close();
  last!.close();
  assert.equal(await it.refusal({ address: "192.0.2.8" }), "too-many", "the /ffff: one is still there");
});

test("a loan does not get round the limit of sessions, and counts until it is given back", async () => {
  const it = world({ sessionsPerCredential: 1 });
  await it.open();
  const { session } = await it.open();
  assert.equal(
    it.sessions.lend(session, () => {}),
    32,
  );
  assert.equal(await it.refusal({ address: "192.0.2.8" }), "too-many");
  assert.equal(await it.refusal({ service: "openvpn" }), "too-many");
  assert.equal(await it.refusal(), "admitted");
});

test("a readmitted client counts, and no limit ends it", async () => {
  const it = world({ sessionsPerCredential: 1 });
  const client = { service: "wireguard", username: "abcdefghijkl" } as const;
  assert.equal(reasonOf(await it.sessions.readmit(client)), "admitted");
  assert.equal(reasonOf(await it.sessions.readmit(client)), "admitted");
  assert.equal(reasonOf(await it.sessions.occupy(client)), "too-many");
  assert.equal(await it.refusal(), "too-many");
});

test("who comes in by key is refused like any login: unknown, expired, draining, no roster", async () => {
  const it = world();
  const occupy = async (username = "abcdefghijkl") =>
    reasonOf(await it.sessions.occupy({ service: "wireguard", username }));
  assert.equal(await occupy("mmmmmmmmmmmm"), "unknown");
  it.sessions.setDraining(true);
  assert.equal(await occupy(), "draining");
  it.sessions.setDraining(false);
  it.roster.set("abcdefghijkl", { digest: passwordDigest("right"), until: it.minutes() });
  assert.equal(await occupy(), "expired");
  it.lose();
  assert.equal(await occupy(), "unavailable");
});

test("a challenge is verified with the credential's secret, for an unknown name with nobody's, and slowed like guessing", async () => {
  const it = world();
  const seen: Secret[] = [];
  const ask = (username: string, proof: string | undefined) =>
    it.sessions.challenge({ service: "ikev2", username, address: "192.0.2.7" }, (secret) => {
      seen.push(secret);
      return proof;
    });
  const right = await ask("ABCDEFGHIJKL", "proof");
  assert.ok(right.admitted);
  assert.equal(right.proof, "proof");
  assert.deepEqual(seen[0], { digest: passwordDigest("right"), ntHash: Buffer.alloc(16, 7) });
  assert.equal(reasonOf(await ask("mmmmmmmmmmmm", "proof")), "unknown", "whatever the response");
  assert.deepEqual(seen[1], { digest: Buffer.alloc(32), ntHash: Buffer.alloc(16) });
  for (let i = 0; i < 10; i++) assert.equal(reasonOf(await ask("abcdefghijkl", undefined)), "unknown");
  const before = seen.length;
  assert.equal(reasonOf(await ask("abcdefghijkl", "proof")), "slow-down");
  assert.equal(seen.length, before, "nothing is computed");
  const broken = it.sessions.challenge({ service: "ikev2", username: "abcdefghijkl", address: "::1" }, () => {
    throw new Error("broken");
  });
  assert.equal(reasonOf(await broken), "unavailable");
});
