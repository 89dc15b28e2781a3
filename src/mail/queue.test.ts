import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { FakeClock } from "../lib/clock.ts";
import type { EventCode, EventFields } from "../lib/event-log.ts";
import { sweep } from "../store/inventory.ts";
import type { Store } from "../store/open.ts";
import { onEachStore, openTestStore } from "../store/testing.ts";
import type { Delivery, Letter } from "./letter.ts";
import { MailQueue } from "./queue.ts";

const MINUTE_MS = 60_000;
const letter: Letter = { to: "rosa@example.org", subject: "Words nobody else has", text: "and a text\n" };

function openQueue(store: Store, clock: FakeClock, key: Uint8Array, outcome: () => Delivery) {
  const sent: [Letter, string][] = [];
  const logged: [EventCode, EventFields | undefined][] = [];
  const queue = new MailQueue({
    store,
    clock,
    key,
    log: (code, fields) => logged.push([code, fields]),
    deliver: async (each, id) => {
      const now = outcome();
      if (now === "sent") sent.push([each, id]);
      return now;
    },
  });
  return { queue, sent, logged };
}

onEachStore("a letter waits sealed, survives a restart, goes once and leaves nothing", async (kind) => {
  const { store, files, openAgain } = await openTestStore(kind);
  const clock = new FakeClock();
  const key = randomBytes(32);
  const first = openQueue(store, clock, key, () => "unreachable");
  assert.ok((await first.queue.enqueue(letter)).ok);
  assert.equal(await first.queue.waiting(), 1);
  for (const bytes of await files())
    for (const text of [letter.to, letter.subject, "and a text"]) assert.ok(!bytes.includes(text), text);
  assert.equal(await first.queue.round(), 0);
  assert.deepEqual(first.logged, [["mail-undelivered", { reason: "unreachable" }]]);

  const other = await openAgain();
  const { queue, sent } = openQueue(other, clock, key, () => "sent");
  assert.equal(await queue.round(), 0, "not before its time");
  clock.advance(MINUTE_MS);
  assert.equal(await queue.round(), 1);
  assert.equal(await queue.round(), 0);
  assert.deepEqual(sent[0]?.[0], letter);
  assert.equal(await queue.waiting(), 0);
  await other.close();
  await store.close();
});

onEachStore("of several offices one sends, also when they look at the same moment", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  const clock = new FakeClock();
  const key = randomBytes(32);
  const one = openQueue(store, clock, key, () => "sent");
  const otherStore = kind === "sqlite" ? store : await openAgain();
  const two = openQueue(otherStore, clock, key, () => "sent");
  for (let count = 0; count < 20; count++) await one.queue.enqueue(letter);
  const counts = await Promise.all([one.queue.round(), two.queue.round()]);
  assert.equal(counts[0]! + counts[1]!, 20);
  const ids = [...one.sent, ...two.sent].map(([, id]) => id);
  assert.equal(new Set(ids).size, 20);
  if (otherStore !== store) await otherStore.close();
  await store.close();
});

onEachStore("it is tried again after 1, 2, 4 … minutes, and given up after three days", async (kind) => {
  const { store } = await openTestStore(kind);
  const clock = new FakeClock();
  const tries: number[] = [];
  const started = clock.now();
  const { queue } = openQueue(store, clock, randomBytes(32), () => {
    tries.push(Math.round((clock.now() - started) / MINUTE_MS));
    return "later";
  });
  await queue.enqueue(letter);
  for (let minute = 0; minute < 5 * 24 * 60; minute += 1) {
    if (minute % 30 === 0 || minute < 40) await queue.round();
    clock.advance(MINUTE_MS);
  }
  assert.deepEqual(tries.slice(0, 6), [0, 1, 3, 7, 15, 31]);
  assert.ok(tries.at(-1)! < 3 * 24 * 60, String(tries.at(-1)));
  assert.ok(tries.length < 30);
  await sweep(store, clock);
  assert.equal(await queue.waiting(), 0);
  await store.close();
});

onEachStore(
  "a letter that is refused for good is deleted; one whose time is over is not sent",
  async (kind) => {
    const { store } = await openTestStore(kind);
    const clock = new FakeClock();
    const refused = openQueue(store, clock, randomBytes(32), () => "refused");
    await refused.queue.enqueue(letter);
    await refused.queue.round();
    assert.equal(await refused.queue.waiting(), 0);
    const key = randomBytes(32);
    const late = openQueue(store, clock, key, () => "sent");
    await late.queue.enqueue(letter, { goodForS: 1800 });
    clock.advance(1_800_000);
    assert.equal(await late.queue.round(), 0);
    await sweep(store, clock);
    assert.equal(await late.queue.waiting(), 0);
    // Sealed with another key, by an office that was given one: not ours to send.
    await late.queue.enqueue(letter);
    const stranger = openQueue(store, clock, randomBytes(32), () => "sent");
    assert.equal(await stranger.queue.round(), 0);
    await store.close();
  },
);

onEachStore(
  "while the server is in trouble it is asked ever more seldom, and not for each letter",
  async (kind) => {
    const { store } = await openTestStore(kind);
    const clock = new FakeClock();
    let asked = 0;
    let outcome: Delivery = "unreachable";
    const { queue, sent } = openQueue(store, clock, randomBytes(32), () => {
      asked++;
      return outcome;
    });
    for (let count = 0; count < 10; count++) await queue.enqueue(letter);
    await queue.round();
    assert.equal(asked, 1);
    clock.advance(14_999);
    await queue.round();
    assert.equal(asked, 1);
    clock.advance(1);
    await queue.round();
    assert.equal(asked, 2);
    clock.advance(29_999);
    await queue.round();
    assert.equal(asked, 2);
    outcome = "sent";
    clock.advance(10 * MINUTE_MS);
    await queue.round();
    assert.equal(sent.length, 10);
    await store.close();
  },
);

onEachStore("what may not be sent never gets into the queue", async (kind) => {
  const { store } = await openTestStore(kind);
  const { queue } = openQueue(store, new FakeClock(), randomBytes(32), () => "sent");
  const outcome = await queue.enqueue({ ...letter, subject: "a\r\nBcc: b@example.org" });
  assert.deepEqual(outcome, { ok: false, error: "subject-invalid" });
  assert.equal(await queue.waiting(), 0);
  await store.close();
});
