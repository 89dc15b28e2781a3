import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { FakeClock } from "../lib/clock.ts";
import { sweep } from "../store/inventory.ts";
import type { Store } from "../store/open.ts";
import { onEachStore, openTestStore } from "../store/testing.ts";
import { PLAIN_ENGLISH } from "../web/languages/language.ts";
import type { Letter } from "./letter.ts";
import { MailQueue } from "./queue.ts";
import { Reminders } from "./reminders.ts";

const DAY_MS = 86_400_000;
const { say, prefix } = PLAIN_ENGLISH;
const site = { name: "Example", origin: "https://vpn.example.net", say, prefix };

async function addAccount(store: Store, name: string, paidUntil: number, more: object = {}): Promise<void> {
  await store.db
    .insertInto("accounts")
    .values({
      id: `id-${name}`,
      name,
      password_hash: "hash",
      email: `${name}@example.org`,
      email_verified: 1,
      paid_until: paidUntil,
      terminated: 0,
      renews: 0,
      delete_after: paidUntil + 2_592_000,
      vpn_salt: `salt-${name}`,
      vpn_tag: `tag-${name}`,
      ...more,
    })
    .execute();
}

function office(store: Store, clock: FakeClock, key: Uint8Array) {
  const sent: Letter[] = [];
  const queue = new MailQueue({
    store,
    clock,
    key,
    log: () => undefined,
    deliver: async (letter) => {
      sent.push(letter);
      return "sent";
    },
  });
  return { sent, queue, reminders: new Reminders({ store, clock, key, queue, site }) };
}

onEachStore(
  "members are reminded once 7 days and once 1 day before the end, whatever restarts",
  async (kind) => {
    const { store } = await openTestStore(kind);
    const clock = new FakeClock(Date.UTC(2030, 0, 1));
    const key = randomBytes(32);
    await addAccount(store, "rosa", Date.UTC(2030, 0, 20) / 1000);
    const told: [string, string][] = [];
    for (let hour = 0; hour < 24 * 24; hour++) {
      // A new office each hour: all that it knows stands in the database.
      const { sent, queue, reminders } = office(store, clock, key);
      await reminders.round();
      await reminders.round();
      await queue.round();
      await sweep(store, clock);
      for (const letter of sent)
        told.push([
          new Date(clock.now()).toISOString().slice(0, 13),
          letter.text.match(/in \d days|within a day/)![0],
        ]);
      clock.advance(3_600_000);
    }
    assert.deepEqual(told, [
      ["2030-01-13T00", "in 7 days"],
      ["2030-01-19T00", "within a day"],
    ]);
    const marks = await store.db.selectFrom("mail_marks").selectAll().execute();
    assert.deepEqual(marks, [], "the marks are gone a day after the end");
    await store.close();
  },
);

onEachStore("nobody else is reminded", async (kind) => {
  const { store } = await openTestStore(kind);
  const clock = new FakeClock();
  const nowS = clock.now() / 1000;
  const soon = nowS + 6 * 86_400;
  await addAccount(store, "noaddress", soon, { email: null, email_verified: 0 });
  await addAccount(store, "unconfirmed", soon, { email_verified: 0 });
  await addAccount(store, "terminated", soon, { terminated: 1 });
  await addAccount(store, "renewing", soon, { renews: 1 });
  await addAccount(store, "expired", nowS - 1);
  await addAccount(store, "far", nowS + 8 * 86_400);
  await addAccount(store, "never", 0, { paid_until: null });
  // Bought three days a moment ago: that is no news.
  await addAccount(store, "short", nowS + 3 * 86_400);
  const { reminders, queue } = office(store, clock, randomBytes(32));
  assert.equal(await reminders.round(), 0);
  assert.equal(await queue.waiting(), 0);
  await store.close();
});

onEachStore(
  "an office that was down catches up for two days; a renewal makes new reminders",
  async (kind) => {
    const { store } = await openTestStore(kind);
    const clock = new FakeClock();
    const key = randomBytes(32);
    const paidUntil = clock.now() / 1000 + 7 * 86_400;
    await addAccount(store, "rosa", paidUntil);
    clock.advance(1.5 * DAY_MS);
    const { sent, queue, reminders } = office(store, clock, key);
    assert.equal(await reminders.round(), 1);
    await queue.round();
    assert.match(sent[0]!.text, /in 6 days/);
    assert.ok(
      !sent[0]!.text.includes("rosa\n") && !sent[0]!.subject.includes("rosa"),
      "no username in a letter",
    );
    await store.db
      .updateTable("accounts")
      .set({ paid_until: paidUntil + 86_400 })
      .execute();
    assert.equal(await reminders.round(), 1);
    await store.close();
  },
);

onEachStore("more members than a page holds are all reminded", async (kind) => {
  const { store } = await openTestStore(kind);
  const clock = new FakeClock();
  const paidUntil = clock.now() / 1000 + 6 * 86_400;
  for (let count = 0; count < 450; count++) await addAccount(store, `member${count}`, paidUntil);
  const { queue, reminders } = office(store, clock, randomBytes(32));
  const rounds = await Promise.all([reminders.round(), reminders.round()]);
  assert.equal(rounds[0]! + rounds[1]!, 450);
  assert.equal(await queue.waiting(), 450);
  await store.close();
});
