import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { RosterPublisher } from "./publisher.ts";
import { digestOf, key, nameOf, world } from "./replica-testing.ts";
import { settingsFor, until } from "./testing.ts";
import * as wire from "./wire.ts";

const digest = digestOf("pw");

test("an exit that starts has the office's roster and its own settings", async () => {
  await using it = world();
  for (let i = 0; i < 300; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  it.publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 77 }));
  it.publisher.setSettings("b1", settingsFor("b1"));
  await it.start();
  assert.equal(it.replica.size, 300);
  assert.deepEqual(it.replica.authorise(nameOf(7)), {
    username: nameOf(7),
    digest,
    until: it.later,
  });
  assert.equal(it.replica.authorise(nameOf(300)), undefined);
  await until(() => it.settings.length === 1, "settings");
  assert.equal(it.settings[0]!.bandwidthMbit, 77);
  assert.deepEqual(it.changes, ["all"]);
});

test("a change arrives alone, without anything being fetched, and names whom it concerns", async () => {
  await using it = world();
  for (let i = 0; i < 300; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  await it.start();
  const asked = it.carrier.requests.length;
  it.publisher.removeCredential(nameOf(5));
  it.publisher.setCredential(nameOf(301), digest, it.later);
  await until(() => it.replica.size === 300 && it.replica.authorise(nameOf(301)) !== undefined, "the change");
  assert.equal(it.replica.authorise(nameOf(5)), undefined);
  assert.deepEqual(it.changes.at(-1), [nameOf(5), nameOf(301)]);
  assert.equal(it.carrier.requests.length, asked);
  assert.equal(it.carrier.heard.length, 1);
});

test("changes that were missed are made up for with only the buckets that differ", async () => {
  await using it = world();
  for (let i = 0; i < 2000; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  await it.start();
  it.carrier.onHeard = () => undefined;
  it.publisher.removeCredential(nameOf(5));
  await until(() => it.carrier.heard.length === 1, "the first is lost");
  it.carrier.onHeard = (message) => message;
  let fetched = 0;
  it.carrier.onAnswer = (answer, request) => {
    if (request[0] === wire.REQUEST.buckets) fetched += wire.readBlocks(answer)!.length;
    return answer;
  };
  it.publisher.removeCredential(nameOf(6));
  await until(() => it.replica.size === 1998, "both are known");
  assert.equal(fetched, 2);
});

test("ten thousand at once come through, more than go into one message among them", async () => {
  await using it = world();
  await it.start();
  for (let i = 0; i < 12_000; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  await until(() => it.replica.size === 12_000, "all rows");
  assert.equal(it.publisher.size, 12_000);
});

test("what is set or removed while all is being replaced is not lost", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digest, it.later);
  it.publisher.setCredential(nameOf(2), digest, it.later);
  await it.start();
  async function* slowly() {
    yield { username: nameOf(3), passwordDigest: digest, untilMinutes: it.later };
    yield { username: nameOf(4), passwordDigest: digest, untilMinutes: it.later };
    it.publisher.removeCredential(nameOf(3));
    it.publisher.setCredential(nameOf(5), digest, it.later);
  }
  await it.publisher.replaceAllCredentials(slowly());
  await until(() => it.replica.authorise(nameOf(1)) === undefined, "the new roster");
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((i) => it.replica.authorise(nameOf(i)) !== undefined),
    [false, false, false, true, true],
  );
});

test("new settings arrive; another server's pass by", async () => {
  await using it = world();
  it.publisher.setSettings("a1", settingsFor("a1"));
  await it.start();
  await until(() => it.settings.length === 1, "first settings");
  it.publisher.setSettings("b1", settingsFor("b1", { bandwidthMbit: 5 }));
  it.publisher.setSettings("a1", settingsFor("a1", { bandwidthMbit: 500 }));
  await until(() => it.settings.length === 2, "second settings");
  assert.equal(it.settings[1]!.bandwidthMbit, 500);
  assert.deepEqual(it.refusals(), []);
});

test("a server the office does not know is told so, and gets no settings", async () => {
  await using it = world();
  await it.start();
  await until(() => it.refusals().length > 0, "refusal");
  assert.deepEqual(it.refusals(), ["unknown"]);
  assert.deepEqual(it.settings, []);
});

test("a roster that changes while it is being fetched is fetched to its end, and that is no fault", async () => {
  await using it = world();
  for (let i = 0; i < 500; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
  let changes = 3;
  it.carrier.onAnswer = (answer, request) => {
    if (request[0] === wire.REQUEST.leaves && changes-- > 0) it.publisher.removeCredential(nameOf(changes));
    return answer;
  };
  await it.start();
  await until(() => it.replica.size === 497, "the last state");
  assert.deepEqual(it.refusals(), ["unknown"]);
});

test("without the office it goes on for 72 hours, by a clock that nobody sets", async () => {
  await using it = world();
  it.publisher.setCredential(nameOf(1), digest, it.later);
  await it.start();
  await it.office.close();
  it.clock.advance(72 * 3_600_000 - 1);
  it.clock.jump(-1000 * 3_600_000);
  assert.ok(it.replica.timeMs() !== undefined);
  it.clock.jump(+9000 * 3_600_000);
  assert.ok(it.replica.timeMs() !== undefined);
  it.clock.advance(1);
  assert.equal(it.replica.timeMs(), undefined);
});

test("an office whose clock was ahead before its restart is followed again", async () => {
  const clock = new FakeClock();
  await using it = world({ clock });
  clock.jump(+3_600_000);
  it.publisher.setCredential(nameOf(1), digest, it.later);
  it.publisher.setSettings("a1", settingsFor("a1"));
  await it.start();
  await it.publisher.close();
  clock.jump(-3_600_000);
  const again = new RosterPublisher({ key, clock, carriers: [it.office], log: () => {} });
  again.setCredential(nameOf(2), digest, it.later);
  again.setSettings("a1", settingsFor("a1", { bandwidthMbit: 9 }));
  await again.start();
  await until(() => it.replica.authorise(nameOf(2)) !== undefined, "the new office's roster");
  await until(() => it.settings.at(-1)?.bandwidthMbit === 9, "the new office's settings");
  assert.ok(Math.abs(it.replica.timeMs()! - clock.now()) < 1000);
  await again.close();
});
