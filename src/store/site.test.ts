import assert from "node:assert/strict";
import { claimSite, raiseVersionFloor } from "./site.ts";
import { onEachStore, openTestStore } from "./testing.ts";

onEachStore("a database stays with the keys that it was first used with", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  assert.equal(await claimSite(store, { keys: "a" }), "ours");
  assert.equal(await claimSite(store, { keys: "a", authority: "x" }), "ours");
  await store.close();
  const again = await openAgain();
  assert.equal(await claimSite(again, { keys: "a", authority: "x" }), "ours");
  assert.equal(await claimSite(again, { keys: "b", authority: "x" }), "other-keys");
  assert.equal(await claimSite(again, { keys: "a", authority: "y" }), "other-authority");
  assert.equal(await claimSite(again, { keys: "a", authority: "x" }), "ours", "and nothing was changed");
  await again.close();
});

onEachStore("of two offices that start at once with other keys one is refused", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  const other = kind === "postgres" ? await openAgain() : store;
  const answers = await Promise.all([claimSite(store, { keys: "a" }), claimSite(other, { keys: "b" })]);
  assert.deepEqual(answers.toSorted(), ["other-keys", "ours"]);
  if (other !== store) await other.close();
  await store.close();
});

onEachStore("the floor of roster versions rises, whoever raises it, and never sinks", async (kind) => {
  const { store, openAgain } = await openTestStore(kind);
  const other = kind === "postgres" ? await openAgain() : store;
  assert.deepEqual(await raiseVersionFloor(store, () => 1000), { floor: 0, reserved: 1000 });
  assert.deepEqual(await raiseVersionFloor(other, () => 5), { floor: 1000, reserved: 1000 });
  const taken = await Promise.all(
    Array.from({ length: 20 }, (_, n) => raiseVersionFloor(n % 2 ? store : other, (floor) => floor + 10)),
  );
  const floors = taken.map(({ floor }) => floor).toSorted((a, b) => a - b);
  assert.deepEqual(
    floors,
    Array.from({ length: 20 }, (_, n) => 1000 + 10 * n),
    "no two were given the same",
  );
  if (other !== store) await other.close();
  await store.close();
});
