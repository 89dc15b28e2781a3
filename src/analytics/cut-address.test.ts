import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseIp } from "../lib/ip.ts";
import { cutAddress } from "./cut-address.ts";

test("the last 8 bits of IPv4 and the last 80 of IPv6 are gone", () => {
  assert.equal(cutAddress("192.0.2.7"), "192.0.2.0");
  assert.equal(cutAddress("255.255.255.255"), "255.255.255.0");
  assert.equal(cutAddress("::ffff:192.0.2.7"), "192.0.2.0");
  assert.equal(cutAddress("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
  assert.equal(cutAddress("fe80::1%eth0"), "fe80::");
  // 192.0.2.7 in 6to4: the last byte of that goes, too.
  assert.equal(cutAddress("2002:c000:207::1"), "2002:c000:200::");
  for (const text of ["", "no address", "192.0.2", "unix"]) assert.equal(cutAddress(text), undefined);
});

test("of any two addresses of one network nothing tells them apart", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const hosts = fc.array(group, { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(byte, { minLength: 3, maxLength: 3 }), byte, byte, (network, one, other) => {
      const at = (last: number) => cutAddress([...network, last].join("."));
      assert.equal(at(one), at(other));
    }),
  );
  fc.assert(
    fc.property(fc.array(group, { minLength: 3, maxLength: 3 }), hosts, hosts, (network, one, other) => {
      // ::ffff:a.b.c.d is an IPv4 address, which keeps other bits.
      fc.pre(network.some((part) => part !== "0"));
      const at = (rest: string[]) => cutAddress([...network, ...rest].join(":"));
      assert.equal(at(one), at(other));
      assert.deepEqual([...parseIp(at(one)!)!.subarray(6)], new Array(10).fill(0));
    }),
  );
});
