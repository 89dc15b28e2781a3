import assert from "node:assert/strict";
import { isIP, isIPv4 } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createRangeTable, formatIp, type Ip, parseIp, parseRange, unmap } from "./ip.ts";

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("parseIp", () => {
  it("reads the examples of RFC 4291 section 2.2", () => {
    for (const [text, canonical] of [
      ["ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"],
      ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
      ["FF01:0:0:0:0:0:0:101", "ff01::101"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["0:0:0:0:0:0:0:0", "::"],
      ["0:0:0:0:0:0:13.1.68.3", "::d01:4403"],
      ["::FFFF:129.144.52.38", "::ffff:129.144.52.38"],
      ["192.0.2.1", "192.0.2.1"],
    ] as const) {
      assert.equal(formatIp(parseIp(text)!), canonical, text);
    }
  });

  it("refuses every spelling that another reader might take for an address", () => {
    for (const text of [
      "0177.1",
      "0177.0.0.1",
      "127.1",
      "2130706433",
      "0x7f.1",
      "0x7f000001",
      "127.0.0.256",
      "127.0.0.1.",
      " 127.0.0.1",
      "127.0.0.1\n",
      "１２７.0.0.1",
      "fe80::1%eth0",
      "fe80::1%25eth0",
      "[::1]",
      ":::1",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7::8",
      "12345::",
      "::127.0.0.01",
      "1.2.3.4::",
      ":1",
      "",
    ]) {
      assert.equal(parseIp(text), undefined, JSON.stringify(text));
    }
  });

  it("accepts nothing that the system's reader refuses, and reads back what it writes", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (ip) => {
        const text = formatIp(ip);
        assert.notEqual(isIP(text), 0);
        assert.deepEqual(Buffer.from(parseIp(text)!), Buffer.from(ip));
      }),
    );
    const pieces = fc.constantFrom("0", "1", "a", "ffff", "255", "256", ":", "::", ".", "%", "x");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 17 }), (parts) => {
        const text = parts.join("");
        const accepted = parseIp(text) !== undefined;
        assert.equal(accepted, isIP(text) !== 0 && !text.includes("%"), text);
      }),
    );
  });

  it("takes the IPv4 address out of a mapped one only", () => {
    assert.equal(formatIp(unmap(parseIp("::ffff:10.0.0.1")!)), "10.0.0.1");
    for (const text of ["::10.0.0.1", "::ffff:0:10.0.0.1", "1::ffff:10.0.0.1", "10.0.0.1"]) {
      assert.equal(formatIp(unmap(parseIp(text)!)), formatIp(parseIp(text)!));
    }
  });
});

describe("parseRange", () => {
  it("clears the bits behind the prefix", () => {
    const { base, bits } = parseRange("10.255.255.255/12")!;
    assert.equal(`${formatIp(base)}/${bits}`, "10.240.0.0/12");
    assert.equal(formatIp(parseRange("ffff:ffff::/17")!.base), "ffff:8000::");
    assert.equal(parseRange("1.2.3.4")!.bits, 32);
    assert.equal(formatIp(parseRange("255.255.255.255/0")!.base), "0.0.0.0");
  });

  it("refuses prefixes that are none", () => {
    for (const text of [
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "10.0.0.0/-1",
      "10/8",
      "/8",
      "10.0.0.0/ 8",
    ]) {
      assert.equal(parseRange(text), undefined, text);
    }
  });
});

describe("createRangeTable", () => {
  const bit = (ip: Ip, at: number): number => (ip[at >> 3]! >> (7 - (at & 7))) & 1;

  it("finds the longest range that holds the address, as one by one comparison does", () => {
    // Few distinct bits, so that ranges nest and touch often.
    const dense = (bytes: number) =>
      fc
        .array(fc.constantFrom(0, 1, 128, 255), { minLength: bytes, maxLength: bytes })
        .map((values) => Uint8Array.from(values));
    const family = fc.constantFrom(4, 16).chain((bytes) =>
      fc.record({
        ranges: fc.array(fc.tuple(dense(bytes), fc.nat(bytes * 8)), { maxLength: 12 }),
        addresses: fc.array(dense(bytes), { minLength: 1, maxLength: 8 }),
      }),
    );
    fc.assert(
      fc.property(family, ({ ranges, addresses }) => {
        const entries = ranges.map(([ip, bits], value) => ({
          range: parseRange(`${formatIp(ip)}/${bits}`)!,
          value,
        }));
        const table = createRangeTable(entries);
        for (const ip of [...addresses, ...entries.map(({ range }) => range.base)]) {
          let expected: { bits: number; value: number } | undefined;
          for (const { range, value } of entries) {
            const holds = Array.from({ length: range.bits }, (_, at) => at).every(
              (at) => bit(range.base, at) === bit(ip, at),
            );
            if (holds && range.bits >= (expected?.bits ?? 0)) expected = { bits: range.bits, value };
          }
          assert.equal(table.lookup(ip), expected?.value, formatIp(ip));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps the families apart", () => {
    const table = createRangeTable([{ range: parseRange("0.0.0.0/0")!, value: 1 }]);
    assert.equal(table.lookup(parseIp("::1")!), undefined);
    assert.equal(isIPv4(formatIp(parseIp("1.2.3.4")!)), true);
    assert.equal(table.lookup(parseIp("255.255.255.255")!), 1);
  });
});
