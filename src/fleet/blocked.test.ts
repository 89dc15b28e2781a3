import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING_BLOCKED } from "../lib/port-range.ts";
import { BLOCKED_MOST } from "../link/settings.ts";
import { type BlockChange, changedBlocked } from "./blocked.ts";

const after = (...changes: BlockChange[]) =>
  changes.reduce((blocked, change) => {
    const next = changedBlocked(blocked, change);
    assert.ok(next.ok, JSON.stringify(next));
    return next.value;
  }, NOTHING_BLOCKED);
const block = (from: number, to = from): BlockChange => ({ verb: "block", ports: { from, to } });
const unblock = (from: number, to = from): BlockChange => ({ verb: "unblock", ports: { from, to } });

test("ports that meet become one range, and a part of a range can be taken back", () => {
  assert.deepEqual(after(block(6667), block(6881, 6889), block(6668)).ports, [
    { from: 6667, to: 6668 },
    { from: 6881, to: 6889 },
  ]);
  assert.deepEqual(after(block(6881, 6889), unblock(6885)).ports, [
    { from: 6881, to: 6884 },
    { from: 6886, to: 6889 },
  ]);
});

test("an address or a range is kept in its shortest spelling, once", () => {
  const blocked = after(
    { verb: "block", range: "203.0.113.77/24" },
    { verb: "block", range: "203.0.113.0/24" },
    { verb: "block", range: "198.51.100.7" },
    { verb: "block", range: "2001:DB8:0::/48" },
  );
  assert.deepEqual(blocked.ranges, ["203.0.113.0/24", "198.51.100.7", "2001:db8::/48"]);
  const left = changedBlocked(blocked, { verb: "unblock", range: "198.51.100.7/32" });
  assert.ok(left.ok);
  assert.deepEqual(left.value.ranges, ["203.0.113.0/24", "2001:db8::/48"]);
});

test("what would empty the server, names nothing, or is not blocked is refused", () => {
  const error = (change: BlockChange, blocked = NOTHING_BLOCKED) => {
    const next = changedBlocked(blocked, change);
    return next.ok ? undefined : next.error;
  };
  assert.equal(error(block(1, 65_535)), "ports-all");
  assert.equal(error(unblock(25)), "not-blocked");
  assert.equal(error({ verb: "unblock", range: "203.0.113.0/24" }), "not-blocked");
  assert.equal(error({ verb: "block", range: "0.0.0.0/0" }), "range-too-wide");
  assert.equal(error({ verb: "block", range: "2001::/15" }), "range-too-wide");
  for (const range of ["", "example.net", "1.2.3.4/33", "1.2.3.4;drop", "fe80::1%eth0"])
    assert.equal(error({ verb: "block", range }), "range-invalid", range);
  const full = {
    ports: Array.from({ length: BLOCKED_MOST }, (_, at) => ({ from: 10 * at + 1, to: 10 * at + 1 })),
    ranges: [],
  };
  assert.equal(error(block(60_000), full), "blocked-full");
});
