import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckSightings } from "./sightings.ts";

test("what resolvers asked for is known for two minutes, and of pages' own names alone", () => {
  let now = 0;
  const sightings = new CheckSightings(new Uint8Array(32), () => now);
  const token = sightings.issue();
  assert.deepEqual(sightings.seen(token), []);
  sightings.note({ token, address: "::ffff:192.0.2.1" });
  sightings.note({ token, address: "192.0.2.1" });
  sightings.note({ token, address: "2001:db8::1" });
  sightings.note({ token: "a".repeat(26), address: "192.0.2.9" });
  assert.deepEqual(sightings.seen(token), ["192.0.2.1", "2001:db8::1"]);
  assert.equal(sightings.seen("a".repeat(26)), undefined);
  now = 120_000;
  assert.equal(sightings.seen(token), undefined);
});

test("neither pages nor resolvers make it grow without end", () => {
  const sightings = new CheckSightings(new Uint8Array(32), () => 0);
  const first = sightings.issue();
  for (let n = 0; n < 100; n++) sightings.note({ token: first, address: `192.0.2.${n}` });
  assert.equal(sightings.seen(first)?.length, 20);
  for (let n = 0; n < 5000; n++) sightings.issue();
  assert.equal(sightings.seen(first), undefined);
});
