import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeReport,
  encodeReport,
  type Health,
  type IdentityReport,
  slotPercent,
  type Totals,
} from "./reports.ts";

const totals: Totals = {
  kind: "totals",
  protocol: 2,
  server: "london1",
  slot: 6_000_000,
  inPercent: 12,
  outPercent: 0,
  services: [{ service: "openvpn", healthy: true }],
};

const health: Health = {
  kind: "health",
  protocol: 2,
  server: "london1",
  minute: 30_000_000,
  release: "0123456789ab",
  services: [{ service: "openvpn", healthy: false }],
};

const identity: IdentityReport = {
  kind: "identity",
  protocol: 2,
  server: "london1",
  wireguard: "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=",
  ssh: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPm0zVVmHqzkbGQpFdwvQEMlZ0wbUbSpJvD3g4vVGzJY"],
  obfs4: `cert=${"A".repeat(70)};iat-mode=0`,
};

test("reports arrive as they were sent", () => {
  assert.deepEqual(decodeReport(encodeReport(totals)), totals);
  assert.deepEqual(decodeReport(encodeReport(health)), health);
  assert.deepEqual(decodeReport(encodeReport(identity)), identity);
  const failed: Health = { ...health, release: "", upgrade: "failed" };
  assert.deepEqual(decodeReport(encodeReport(failed)), failed);
});

test("totals of an exit one version older are read as this version's", () => {
  const { kind: _, ...older } = totals;
  assert.deepEqual(decodeReport(Buffer.from(JSON.stringify({ ...older, protocol: 1 }))), totals);
  assert.equal(decodeReport(Buffer.from(JSON.stringify({ ...older, protocol: 3 }))), undefined);
  assert.equal(decodeReport(Buffer.from(JSON.stringify({ ...totals, protocol: 3 }))), undefined);
});

test("nothing that could name a member can be put in: an unknown field refuses the whole", () => {
  const withField = (change: object) => decodeReport(Buffer.from(JSON.stringify({ ...totals, ...change })));
  const inHealth = (change: object) => decodeReport(Buffer.from(JSON.stringify({ ...health, ...change })));
  assert.ok(withField({}) !== undefined && inHealth({}) !== undefined);
  assert.equal(withField({ username: "abcdefghijkl" }), undefined);
  assert.equal(withField({ services: [{ service: "openvpn", healthy: true, clients: 3 }] }), undefined);
  assert.equal(withField({ services: [{ service: "abcdefghijkl", healthy: true }] }), undefined);
  assert.equal(inHealth({ username: "abcdefghijkl" }), undefined);
  assert.equal(inHealth({ services: [{ service: "abcdefghijkl", healthy: true }] }), undefined);
  assert.equal(inHealth({ release: "abcdefghijkl" }), undefined);
  assert.equal(inHealth({ upgrade: "abcdefghijkl" }), undefined);
  for (const change of [
    { username: "abcdefghijkl" },
    { wireguard: "abcdefghijkl" },
    { ssh: ["abcdefghijkl"] },
    { ssh: [`${identity.ssh![0]} member@192.0.2.7`] },
    { obfs4: "cert=abcdefghijkl;iat-mode=0" },
  ])
    assert.equal(decodeReport(Buffer.from(JSON.stringify({ ...identity, ...change }))), undefined);
  assert.equal(withField({ inPercent: 1.5 }), undefined);
  assert.equal(withField({ inPercent: -1 }), undefined);
  assert.equal(withField({ server: "192.0.2.7" }), undefined);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeReport(bytes)));
});

test("percent are whole and rounded down, under one is 0", () => {
  // 100 Mbit/s over 300 s: 3.75 GB.
  assert.equal(slotPercent(0, 100), 0);
  assert.equal(slotPercent(37_499_999, 100), 0);
  assert.equal(slotPercent(37_500_000, 100), 1);
  assert.equal(slotPercent(3_750_000_000, 100), 100);
  assert.equal(slotPercent(Number.MAX_SAFE_INTEGER, 1), 10_000);
});
