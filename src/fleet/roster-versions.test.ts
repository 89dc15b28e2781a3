import assert from "node:assert/strict";
import { FakeClock } from "../lib/clock.ts";
import { raiseVersionFloor } from "../store/site.ts";
import { onEachStore, openTestStore } from "../store/testing.ts";
import { reserveVersions } from "./roster-versions.ts";

const HOUR_MS = 3_600_000;

/** As the publisher numbers: by the clock, and always upwards. */
class Versions {
  version = 0;
  readonly #clock: FakeClock;
  constructor(clock: FakeClock) {
    this.#clock = clock;
  }
  raiseVersion(floor: number): void {
    this.version = Math.max(this.version, floor);
  }
  give(count = 1): number {
    for (let n = 0; n < count; n++) this.version = Math.max(this.version + 1, this.#clock.now());
    return this.version;
  }
}

onEachStore("whoever comes later starts above every version given, whatever its clock says", async (kind) => {
  const { store } = await openTestStore(kind);
  const clock = new FakeClock(Date.UTC(2030, 0, 1));
  let highest = 0;
  for (const setBackMs of [0, 0, HOUR_MS, 30 * HOUR_MS, 0]) {
    clock.advance(-setBackMs);
    const publisher = new Versions(clock);
    const versions = await reserveVersions({ store, clock, publisher });
    const first = publisher.give();
    assert.ok(first > highest, `${first} > ${highest}`);
    highest = Math.max(highest, publisher.give(500));
    versions.close();
  }
  await store.close();
});

onEachStore("it reserves ahead of all that is given, with few writes", async (kind) => {
  const { store } = await openTestStore(kind);
  const clock = new FakeClock(Date.UTC(2030, 0, 1));
  const publisher = new Versions(clock);
  const versions = await reserveVersions({ store, clock, publisher });
  const floors = new Set<number>();
  const look = async () => {
    const { floor } = await raiseVersionFloor(store, () => 0);
    assert.ok(publisher.version < floor, `${publisher.version} < ${floor}`);
    floors.add(floor);
  };
  for (let minute = 0; minute < 240; minute++) {
    clock.advance(60_000);
    publisher.give(100);
    await look();
    await versions.reserve();
  }
  assert.ok(floors.size <= 9, `${floors.size} in four hours`);
  // The clock goes back by a day: now it is the number of versions that counts.
  clock.advance(-24 * HOUR_MS);
  for (let minute = 0; minute < 30; minute++) {
    publisher.give(6000);
    await look();
    await versions.reserve();
  }
  versions.close();
  await store.close();
});
