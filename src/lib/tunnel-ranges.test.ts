import assert from "node:assert/strict";
import { test } from "node:test";
import { TUNNELS_4, TUNNELS_6 } from "../exit/tunnel-plan.ts";
import { deviceAddresses } from "./device-addresses.ts";
import { isTunnelAddress, TUNNEL_RANGES } from "./tunnel-ranges.ts";

test("the ranges are those of the exits' plan", () => {
  assert.deepEqual(TUNNEL_RANGES, [...TUNNELS_4, TUNNELS_6]);
});

test("a member's address inside is told from any other", () => {
  const { v4, v6 } = deviceAddresses(70_000);
  for (const inside of [v4, v6, `::ffff:${v4}`, "10.66.1.7"]) assert.ok(isTunnelAddress(inside), inside);
  for (const outside of ["10.67.0.1", "10.128.0.1", "192.0.2.1", "fd6c:6574:6866::1", "", "x"])
    assert.ok(!isTunnelAddress(outside), outside);
});
