import assert from "node:assert/strict";
import { FakeClock } from "../lib/clock.ts";
import { onEachStore, openTestStore } from "../store/testing.ts";
import { type Announcement, Announcements } from "./announcements.ts";

onEachStore("announcements are listed newest first until they are over or taken away", async (kind) => {
  const { store } = await openTestStore(kind);
  const clock = new FakeClock(Date.UTC(2031, 0, 1, 12));
  const announcements = new Announcements({ store, clock });
  const post = async (title: string, days?: number): Promise<Announcement> => {
    const posted = await announcements.post({ title, text: `About **${title}**.\r\n`, days });
    assert.ok(posted.ok);
    clock.advance(1);
    return posted.value;
  };
  const first = await post("First", 2);
  const second = await post("Second");
  const titles = async () => (await announcements.list()).map(({ title }) => title);
  assert.deepEqual(await titles(), ["Second", "First"]);
  assert.deepEqual((await announcements.list())[1], first);
  assert.match(second.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([second.postedMs, second.text], [Date.UTC(2031, 0, 1, 12) + 1, "About **Second**."]);
  clock.advance(2 * 86_400_000);
  assert.deepEqual(await titles(), ["Second", "First"], "two whole days");
  clock.advance(86_400_000 / 2);
  assert.deepEqual(await titles(), ["Second"]);
  assert.equal(await announcements.remove(second.id), true);
  assert.equal(await announcements.remove(second.id), false);
  assert.deepEqual(await titles(), []);
  await announcements.remove(first.id);
  await store.close();
});

onEachStore("what is no announcement is refused", async (kind) => {
  const { store } = await openTestStore(kind);
  const announcements = new Announcements({ store, clock: new FakeClock() });
  for (const [input, error] of [
    [{ title: "", text: "x" }, "title-invalid"],
    [{ title: "two\nlines", text: "x" }, "title-invalid"],
    [{ title: "x".repeat(121), text: "x" }, "title-invalid"],
    [{ title: "half \ud800", text: "x" }, "title-invalid"],
    [{ title: "x", text: " \n" }, "text-invalid"],
    [{ title: "x", text: "x".repeat(10_001) }, "text-invalid"],
    [{ title: "x", text: "\u001b[2J" }, "text-invalid"],
    [{ title: "x", text: "half \udc00" }, "text-invalid"],
    [{ title: "x", text: "x", days: 0 }, "days-invalid"],
    [{ title: "x", text: "x", days: 1.5 }, "days-invalid"],
  ] as const)
    assert.deepEqual(await announcements.post(input), { ok: false, error }, JSON.stringify(input));
  assert.deepEqual(await announcements.list(), []);
  await store.close();
});
