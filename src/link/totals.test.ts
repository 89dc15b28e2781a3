import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeTotals, encodeTotals, slotPercent, type Totals } from "./totals.ts";

const totals: Totals = {
  protocol: 1,
  server: "london1",
  slot: 6_000_000,
  inPercent: 12,
  outPercent: 0,
  services: [{ service: "openvpn", healthy: true }],
};

test("totals arrive as they were sent", () => {
  assert.deepEqual(decodeTotals(encodeTotals(totals)), totals);
});

test("nothing that could name a member can be put in: an unknown field refuses the whole", () => {
  const withField = (change: object) => decodeTotals(Buffer.from(JSON.stringify({ ...totals, ...change })));
  assert.equal(withField({ username: "abcdefghijkl" }), undefined);
  assert.equal(withField({ services: [{ service: "openvpn", healthy: true, clients: 3 }] }), undefined);
  assert.equal(withField({ services: [{ service: "abcdefghijkl", healthy: true }] }), undefined);
  assert.equal(withField({ inPercent: 1.5 }), undefined);
  assert.equal(withField({ inPercent: -1 }), undefined);
  assert.equal(withField({ server: "192.0.2.7" }), undefined);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeTotals(bytes)));
});

test("percent are whole and rounded down, under one is 0", () => {
  // 100 Mbit/s over 300 s: 3.75 GB.
  assert.equal(slotPercent(0, 100), 0);
  assert.equal(slotPercent(37_499_999, 100), 0);
  assert.equal(slotPercent(37_500_000, 100), 1);
  assert.equal(slotPercent(3_750_000_000, 100), 100);
  assert.equal(slotPercent(Number.MAX_SAFE_INTEGER, 1), 10_000);
});
