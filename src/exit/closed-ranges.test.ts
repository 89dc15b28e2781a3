import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRangeTable, formatIp, parseIp, parseRange } from "../lib/ip.ts";
import { closedRanges } from "./closed-ranges.ts";
import { closedRanges4, closedRanges6, createEgressPolicy } from "./egress.ts";

test("without openings the policy's own ranges come back", () => {
  assert.deepEqual(closedRanges([]), { v4: [...closedRanges4], v6: [...closedRanges6] });
});

test("an opening is cut out; a wider one than the closed range opens nothing", () => {
  const { v4 } = closedRanges(["10.64.0.0/10", "203.0.113.0/24", "0.0.0.0/0"]);
  assert.deepEqual(
    v4.filter((range) => range.startsWith("10.")),
    ["10.0.0.0/10", "10.128.0.0/9"],
  );
  assert.ok(!v4.includes("203.0.113.0/24") && v4.includes("192.168.0.0/16"));
});

test("what is closed here is exactly what the egress policy closes", () => {
  const near = fc.constantFrom(
    "10.0.0.0",
    "10.64.255.255",
    "172.16.0.1",
    "192.168.7.7",
    "203.0.113.9",
    "8.8.8.8",
    "169.254.169.254",
  );
  const near6 = fc.constantFrom("fc00::1", "fd12:3456::1", "2001:db8::5", "2a00::1", "::1", "4000::");
  const opening = fc.oneof(
    fc.tuple(near, fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
    fc.tuple(near6, fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${address}/${bits}`),
  );
  const address = fc.oneof(
    near,
    near6,
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => formatIp(bytes)),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatIp(bytes)),
  );
  fc.assert(
    fc.property(
      fc.array(opening, { maxLength: 4 }),
      fc.array(address, { maxLength: 20 }),
      (allow, addresses) => {
        const { v4, v6 } = closedRanges(allow);
        const table = createRangeTable(
          [...v4, ...v6].map((text) => ({ range: parseRange(text)!, value: 1 })),
        );
        const policy = createEgressPolicy({
          egress: { allow, deny: [], denyPorts: [] },
          ownAddresses: [],
          sitePorts: [],
        });
        for (const text of addresses) {
          const ip = parseIp(text)!;
          // IPv4 addresses inside IPv6 ones are the policy's own affair: no kernel of ours unpacks them.
          if (ip.length === 16 && policy.opens(ip, 443) === (table.lookup(ip) === undefined)) continue;
          if (ip.length === 16) assert.ok(table.lookup(ip) === undefined && !policy.opens(ip, 443), text);
          else assert.equal(table.lookup(ip) === undefined, policy.opens(ip, 443), text);
        }
      },
    ),
  );
});
