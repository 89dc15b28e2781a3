import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FakeClock } from "../../lib/clock.ts";
import type { Reason } from "../../lib/event-log.ts";
import { allowedOf, type PeerIndices, type WireguardControl } from "./control.ts";
import { WireguardPeers, type WireguardState } from "./peers.ts";

/** An engine in memory that writes down what it is told. */
function scene() {
  const clock = new FakeClock();
  const engine = {
    peers: new Map<string, string>(),
    handshakes: new Map<string, number>(),
    heard: new Set<string>(),
    changes: [] as { remove: string[]; set: string[] }[],
    configured: 0,
    readings: 0,
    refuses: undefined as Reason | undefined,
  };
  const control: WireguardControl = {
    configure: async () => {
      engine.configured++;
      return engine.refuses;
    },
    change: async ({ remove, set }) => {
      if (engine.refuses !== undefined) return engine.refuses;
      engine.changes.push({ remove: [...remove], set: [...set.keys()] });
      for (const key of remove) engine.peers.delete(key);
      for (const [key, index] of set) engine.peers.set(key, allowedOf(index));
      return undefined;
    },
    peers: async () => new Map(engine.peers),
    reading: async () => {
      engine.readings++;
      return {
        handshakes: new Map([...engine.peers.keys()].map((key) => [key, engine.handshakes.get(key) ?? 0])),
        heard: engine.heard,
      };
    },
  };
  const online: string[][] = [];
  const states: WireguardState[] = [];
  const peers = new WireguardPeers({
    clock,
    log: () => {},
    onOnline: (keys) => online.push(keys),
    onState: (state) => states.push(state),
  });
  const settled = async (look: () => boolean) => {
    for (let tries = 0; tries < 3000 && !look(); tries++) await sleep(10);
    assert.ok(look());
  };
  /** Lets the next look at the engine come, and waits for what follows from it. */
  const look = async () => {
    const { readings } = engine;
    clock.advance(2000);
    peers.update({ remove: [], set: new Map() });
    await settled(() => engine.readings > readings);
    await sleep(50);
  };
  return { clock, engine, control, peers, online, states, settled, look };
}

const want = (...keys: string[]): PeerIndices => new Map(keys.map((key, at) => [key, at + 1]));

test("an engine that was taken over keeps who belongs there, loses who does not, and gets who is missing", async () => {
  const { engine, control, peers, settled } = scene();
  engine.peers.set("stays", allowedOf(1)).set("goes", allowedOf(9)).set("moved", allowedOf(7));
  peers.attach("1", control);
  await sleep(50);
  assert.deepEqual(engine.changes, [], "before anything is known nobody is touched");
  peers.want(want("stays", "new", "moved"));
  await settled(() => engine.changes.length === 1);
  const [change] = engine.changes as { remove: string[]; set: string[] }[];
  assert.deepEqual(change?.remove.sort(), ["goes", "moved"]);
  assert.deepEqual(change?.set.sort(), ["moved", "new"]);
  await peers.close();
});

test("an engine that refuses says why, and is tried until it takes", async () => {
  const { engine, control, peers, states, settled } = scene();
  engine.refuses = "EADDRINUSE";
  peers.want(want("one"));
  peers.attach("1", control);
  await settled(() => states.at(-1)?.failed === "EADDRINUSE");
  engine.refuses = undefined;
  await settled(() => states.at(-1)?.ready === true);
  assert.deepEqual([...engine.peers.keys()], ["one"]);
  await peers.close();
});

test("an engine that was started anew gets everybody, one that is gone is not ready", async () => {
  const { engine, control, peers, states, settled } = scene();
  peers.want(want("one", "two"));
  peers.attach("1", control);
  await settled(() => states.at(-1)?.ready === true);
  peers.attach(undefined, undefined);
  assert.equal(states.at(-1)?.ready, false);
  engine.peers.clear();
  peers.update({ remove: ["two"], set: new Map([["three", 3]]) });
  peers.attach("2", control);
  await settled(() => states.at(-1)?.ready === true);
  assert.deepEqual([...engine.peers.keys()].sort(), ["one", "three"]);
  await peers.close();
});

test("who is online is said when it changes; forgetting names that peer alone", async () => {
  const { clock, engine, control, peers, online, settled } = scene();
  peers.want(want("one", "two"));
  peers.attach("1", control);
  await settled(() => online.length === 1);
  assert.deepEqual(online[0], []);
  engine.handshakes.set("one", 1000);
  engine.heard.add("two");
  clock.advance(2000);
  peers.update({ remove: [], set: new Map() });
  await settled(() => online.length === 2);
  assert.deepEqual(online[1], ["one"]);
  const before = engine.changes.length;
  clock.advance(180_000);
  peers.update({ remove: [], set: new Map() });
  await settled(() => engine.changes.length > before);
  assert.deepEqual(engine.changes.at(-1), { remove: ["one", "two"], set: ["one", "two"] });
  assert.deepEqual(online.at(-1), []);
  await peers.close();
});

test("who is online is told in the order of the handshakes, and not again when only that has changed", async () => {
  const { engine, control, peers, online, settled, look } = scene();
  peers.want(want("one", "two"));
  peers.attach("1", control);
  await settled(() => online.length === 1);
  engine.handshakes.set("one", 1001).set("two", 1000);
  await look();
  assert.deepEqual(online.at(-1), ["two", "one"]);
  engine.handshakes.set("two", 1120);
  await look();
  assert.equal(online.length, 2);
  await peers.close();
});

test("peers that were taken out behind our back are put back; one that the engine refuses is not tried for ever", async () => {
  const { engine, control, peers, states, settled, look } = scene();
  peers.want(want("one", "two"));
  peers.attach("1", control);
  await settled(() => states.at(-1)?.ready === true);
  engine.peers.clear();
  await look();
  assert.deepEqual([...engine.peers.keys()], ["one", "two"]);
  const { change } = control;
  control.change = async (asked, all) => {
    const refused = await change(asked, all);
    engine.peers.delete("bad");
    return refused;
  };
  peers.update({ remove: [], set: new Map([["bad", 3]]) });
  for (let i = 0; i < 3; i++) await look();
  const tries = engine.changes.length;
  for (let i = 0; i < 3; i++) await look();
  assert.equal(engine.changes.length, tries);
  await peers.close();
});
