import assert from "node:assert/strict";
import { Accounts } from "../accounts/accounts.ts";
import { FakeClock } from "../lib/clock.ts";
import { MemoryCarrier } from "../link/memory-carrier.ts";
import { RosterPublisher } from "../link/publisher.ts";
import { generateSiteKey } from "../link/site-key.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { feedRoster } from "./roster.ts";

const DAY_S = 86_400;

/** Keeps what it is told, as the roster would. */
class Notebook {
  rows = new Map<string, { passwordDigest: Uint8Array; untilMinutes: number }>();
  setCredential(username: string, passwordDigest: Uint8Array, untilMinutes: number): void {
    this.rows.set(username, { passwordDigest, untilMinutes });
  }
  removeCredential(username: string): void {
    this.rows.delete(username);
  }
}

async function newOffice(kind: StoreKind) {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 0, 0));
  const { store } = await openTestStore(kind);
  const accounts = new Accounts({ store, clock, siteSecret: new Uint8Array(32).fill(7) });
  const member = async (name: string, days: number) => {
    const made = await accounts.signUp({ name, password: "correct horse battery" });
    assert.ok(made.ok);
    if (days > 0) await accounts.extend(made.value.id, days);
    return made.value.id;
  };
  return { clock, store, accounts, member };
}

onEachStore("the roster starts with everybody who has paid, and then follows every change", async (kind) => {
  const { clock, store, accounts, member } = await newOffice(kind);
  const alice = await member("alice", 30);
  const bob = await member("bob", 0);
  const publisher = new Notebook();
  const feed = await feedRoster({ members: accounts.roster, publisher, clock });
  const nameOf = async (id: string) => (await accounts.vpnCredentials(id)).username;
  const first = await nameOf(alice);
  assert.deepEqual([...publisher.rows.keys()], [first]);
  assert.equal(publisher.rows.get(first)?.untilMinutes, Math.ceil(clock.now() / 60_000) + 30 * 1440);

  await accounts.extend(bob, 1);
  assert.deepEqual([...publisher.rows.keys()].toSorted(), [first, await nameOf(bob)].toSorted());
  await accounts.renewVpnCredentials(alice);
  assert.deepEqual(
    [...publisher.rows.keys()].toSorted(),
    [await nameOf(alice), await nameOf(bob)].toSorted(),
  );
  await accounts.terminate("bob");
  assert.deepEqual([...publisher.rows.keys()], [await nameOf(alice)]);
  await accounts.remove(alice);
  assert.equal(publisher.rows.size, 0);
  await feed.close();
  await store.close();
});

onEachStore(
  "while a subscription runs, access waits a day for PayPal's next payment; what is paid for stays as it is",
  async (kind) => {
    const { clock, store, accounts, member } = await newOffice(kind);
    const alice = await member("alice", 30);
    await member("bob", 30);
    await accounts.noteSubscription(alice, "I-BW452GLLEP1G", true);
    const publisher = new Notebook();
    const feed = await feedRoster({ members: accounts.roster, publisher, clock });
    const usernameOf = async (id: string) => (await accounts.vpnCredentials(id)).username;
    const minutesLeft = (username: string) =>
      Math.round(publisher.rows.get(username)!.untilMinutes - clock.now() / 60_000);
    const hers = await usernameOf(alice);
    const his = [...publisher.rows.keys()].find((username) => username !== hers)!;

    // Day 30 and six hours: PayPal has not charged yet.
    clock.advance((30 * DAY_S + 6 * 3600) * 1000);
    assert.equal(minutesLeft(hers), 18 * 60);
    assert.equal(minutesLeft(his), -6 * 60);
    assert.equal((await accounts.byName("alice"))!.paidUntil, clock.now() / 1000 - 6 * 3600);
    // The payment comes: thirty days from now, as for anybody whose time is over, and the day beside them.
    await accounts.extend(alice, 30);
    assert.equal((await accounts.byName("alice"))!.paidUntil, clock.now() / 1000 + 30 * DAY_S);
    assert.equal(minutesLeft(hers), 31 * 1440);

    // It is cancelled in the day after the next end: access ends at once, and at the paid end where that lies ahead.
    clock.advance((30 * DAY_S + 3600) * 1000);
    assert.equal(minutesLeft(hers), 23 * 60);
    await accounts.noteSubscription(alice, "I-BW452GLLEP1G", false);
    assert.equal(minutesLeft(hers), -60);
    await accounts.noteSubscription(alice, "I-BW452GLLEP1G", true);
    assert.equal(minutesLeft(hers), 23 * 60);

    // Three days after that the roster need not tell of it any more.
    clock.advance((3 * DAY_S + 22 * 3600) * 1000);
    await feed.prune();
    assert.deepEqual([...publisher.rows.keys()], [hers]);
    clock.advance(2 * 3600 * 1000);
    await feed.prune();
    assert.equal(publisher.rows.size, 0);
    await feed.close();
    await store.close();
  },
);

onEachStore(
  "whoever's time is over leaves the roster, and whoever pays again in that moment stays",
  async (kind) => {
    const { clock, store, accounts, member } = await newOffice(kind);
    const alice = await member("alice", 1);
    await member("bob", 1);
    await member("carol", 3);
    const publisher = new Notebook();
    const { roster } = accounts;
    const members = {
      onChange: roster.onChange.bind(roster),
      onNews: roster.onNews.bind(roster),
      credentialsAfter: roster.credentialsAfter.bind(roster),
      credentialsOf: roster.credentialsOf.bind(roster),
      whileUnchanged: roster.whileUnchanged.bind(roster),
      lapsed: async (fromS: number, toS: number) => {
        const ids = await roster.lapsed(fromS, toS);
        // Time enough for the payment to be committed, if nothing held it back.
        await new Promise((resolve) => setTimeout(resolve, 50));
        return ids;
      },
    };
    const feed = await feedRoster({ members, publisher, clock });
    assert.equal(publisher.rows.size, 3);
    await feed.prune();
    assert.equal(publisher.rows.size, 3);
    clock.advance(4.5 * DAY_S * 1000);
    await Promise.all([feed.prune(), accounts.extend(alice, 30)]);
    assert.equal(publisher.rows.size, 2);
    assert.ok(publisher.rows.has((await accounts.vpnCredentials(alice)).username));
    clock.advance(2 * DAY_S * 1000);
    await feed.prune();
    assert.equal(publisher.rows.size, 1);
    await feed.close();
    await store.close();
  },
);

onEachStore("the link's own publisher takes it all, changes made while it reads included", async (kind) => {
  const { clock, store, accounts, member } = await newOffice(kind);
  for (let i = 0; i < 5; i++) await member(`member-${i}`, 30);
  const late = await member("late", 0);
  const carrier = new MemoryCarrier();
  const publisher = new RosterPublisher({
    key: generateSiteKey(),
    clock,
    carriers: [carrier],
    log: () => {},
  });
  const [feed] = await Promise.all([
    feedRoster({ members: accounts.roster, publisher, clock }),
    accounts.extend(late, 30),
    accounts.terminate("member-0"),
  ]);
  assert.equal(publisher.size, 5);
  await feed.close();
  await store.close();
});
