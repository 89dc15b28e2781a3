import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate as soon } from "node:timers/promises";
import { FakeClock, toMinutes } from "../../lib/clock.ts";
import type { Peer } from "../../link/peers.ts";
import { Sessions } from "../keeper/sessions.ts";
import { type PeersToSet, WireguardMembers } from "./members.ts";

const keyOf = (number: number) => Buffer.alloc(32, number);
const text = (number: number) => keyOf(number).toString("base64");
const SELF = Buffer.alloc(32, 255).toString("base64");

let clock: FakeClock;
let time: number | undefined;
let peers: Map<string, Peer>;
let credentials: Map<string, { digest: Uint8Array; until: number }>;
let sessions: Sessions;
let members: WireguardMembers;
let engine: Map<string, number> | undefined;
let sent: PeersToSet[];
let confirmed: boolean;

const inMinutes = (minutes: number) => toMinutes(clock.now()) + minutes;
const put = (number: number, owner: string, until = inMinutes(60)) =>
  peers.set(text(number), { publicKey: keyOf(number), index: number, until, owner });
const inEngine = () => [...(engine ?? new Map()).values()].filter((index) => index > 0).sort((a, b) => a - b);
const says = async (...online: number[]) => {
  members.engineSays(online.map(text));
  await soon();
};
const pass = async (seconds: number) => {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    if (time !== undefined) time += 1000;
    sessions.sweep();
    members.tick();
    await soon();
  }
};

function makeMembers() {
  return new WireguardMembers({
    source: { peers: () => peers.values(), peer: (key) => peers.get(Buffer.from(key).toString("base64")) },
    authoriser: sessions,
    timeMs: () => time,
    clock,
    send: (change) => {
      sent.push(change);
      if (change.whole) engine = new Map();
      for (const key of change.remove) engine?.delete(key);
      for (const [key, index] of change.set) engine?.set(key, index);
    },
    selfTest: SELF,
  });
}

beforeEach(() => {
  clock = new FakeClock();
  time = clock.now();
  peers = new Map();
  credentials = new Map(
    ["anna", "bert"].map((name) => [name, { digest: Buffer.alloc(32), until: inMinutes(60) }]),
  );
  confirmed = true;
  sessions = new Sessions({
    source: { authorise: (username) => credentials.get(username) },
    timeMs: () => time,
    clock,
    log: () => {},
    confirmed: () => confirmed,
  });
  sessions.setLimits({ connectionsPerCredential: 1000, sessionsPerCredential: 2 });
  engine = undefined;
  sent = [];
  members = makeMembers();
});

const begin = () => members.rosterChanged("all");

test("all whose time is not over are in the engine, and the self-test's peer", () => {
  put(1, "anna");
  put(2, "bert", inMinutes(-1));
  begin();
  assert.deepEqual(inEngine(), [1]);
  assert.equal(engine?.get(SELF), 0);
  assert.equal(sent.length, 1);
});

test("nothing is said before there is a roster; when it is outdated, nobody stays", async () => {
  put(1, "anna");
  time = undefined;
  begin();
  assert.equal(engine, undefined);
  time = clock.now();
  await pass(1);
  assert.deepEqual(inEngine(), [1]);
  time = undefined;
  await pass(1);
  assert.deepEqual(inEngine(), []);
});

test("a change names only who changed", () => {
  for (let number = 1; number <= 100; number++) put(number, "anna");
  begin();
  peers.delete(text(7));
  put(101, "bert");
  members.rosterChanged([keyOf(7), keyOf(101)]);
  assert.deepEqual(sent.at(-1), { whole: false, remove: [text(7)], set: new Map([[text(101), 101]]) });
});

test("out at the second when the paid time is over, and back when more is paid", async () => {
  put(1, "anna", inMinutes(1));
  begin();
  await pass(59);
  assert.deepEqual(inEngine(), [1]);
  await pass(1);
  assert.deepEqual(inEngine(), []);
  put(1, "anna", inMinutes(60));
  members.rosterChanged([keyOf(1)]);
  assert.deepEqual(inEngine(), [1]);
});

test("a device online is a session; past the limit the newest is taken out, and comes back when there is room", async () => {
  for (const number of [1, 2, 3]) put(number, "anna");
  begin();
  await says(1, 2);
  assert.equal(sessions.size, 2);
  await says(1, 2, 3);
  assert.deepEqual(inEngine(), [1, 2]);
  assert.equal(sessions.size, 2);
  await says(1, 2);
  await pass(20);
  assert.deepEqual(inEngine(), [1, 2], "no room yet");
  // The first goes; nothing is heard of it for 180 s, and the engine says so.
  await pass(31);
  await says(2);
  await pass(6);
  assert.deepEqual(inEngine(), [1, 2, 3]);
  assert.equal(sessions.size, 2, "its place is kept for a moment");
  await says(2, 3);
  await pass(60);
  assert.equal(sessions.size, 2);
});

test("the place of one that does not come back is free again", async () => {
  for (const number of [1, 2, 3]) put(number, "anna");
  begin();
  await says();
  await says(1, 2, 3);
  await pass(31);
  await says(2);
  await pass(6);
  assert.equal(sessions.size, 2);
  await pass(40);
  assert.equal(sessions.size, 1);
});

test("other services count with it", async () => {
  put(1, "anna");
  begin();
  await says();
  for (let i = 0; i < 2; i++) await sessions.readmit({ service: "openvpn", username: "anna" });
  await says(1);
  assert.deepEqual(inEngine(), []);
});

test("terminated: out at once, whether online or not", async () => {
  put(1, "anna");
  put(2, "anna");
  begin();
  await says(1);
  credentials.delete("anna");
  sessions.rosterChanged(["anna"]);
  assert.deepEqual(inEngine(), [2], "the one online is cut with its session");
  peers.clear();
  members.rosterChanged("all");
  assert.deepEqual(inEngine(), []);
  await pass(10);
  assert.equal(sessions.size, 0);
});

test("other VPN credentials: the device goes on under them", async () => {
  put(1, "anna");
  begin();
  await says(1);
  put(1, "bert");
  members.rosterChanged([keyOf(1)]);
  await soon();
  credentials.delete("anna");
  sessions.rosterChanged(["anna"]);
  assert.deepEqual(inEngine(), [1]);
  assert.equal(sessions.size, 1);
});

test("after our restart who was online stays, past the limit and while the roster waits to be confirmed", async () => {
  for (const number of [1, 2, 3]) put(number, "anna");
  put(4, "carl");
  confirmed = false;
  begin();
  await says(1, 2, 3, 4);
  assert.deepEqual(inEngine(), [1, 2, 3, 4]);
  assert.equal(sessions.size, 3);
  confirmed = true;
  await pass(6);
  assert.deepEqual(inEngine(), [1, 2, 3], "whom the confirmed roster does not know is out");
});

test("while the server drains nobody new comes in, and who is online stays", async () => {
  put(1, "anna");
  put(2, "bert");
  begin();
  await says();
  await says(1);
  sessions.setDraining(true);
  await says(1, 2);
  assert.deepEqual(inEngine(), [1]);
  sessions.setDraining(false);
  await pass(6);
  assert.deepEqual(inEngine(), [1, 2]);
});

test("a key that is nobody's here is passed over", async () => {
  put(1, "anna");
  begin();
  await says(9, 1);
  assert.equal(sessions.size, 1);
  assert.deepEqual(inEngine(), [1]);
});
