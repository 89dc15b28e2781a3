import assert from "node:assert/strict";
import { test } from "node:test";
import { hopPort, SERVER_NUMBER_MOST } from "./hops.ts";

test("each server has a port of its own for each service that leads on", () => {
  assert.equal(hopPort(1, "wireguard", "udp"), 52_001);
  assert.equal(hopPort(1, "openvpn", "udp"), 53_001);
  assert.equal(hopPort(SERVER_NUMBER_MOST, "openvpn", "tcp"), 53_999);
  assert.equal(hopPort(7, "wireguard", "tcp"), undefined);
  assert.equal(hopPort(SERVER_NUMBER_MOST + 1, "openvpn", "udp"), undefined);
});

test("what is no number of a server is refused", () => {
  for (const number of [0, -1, 1.5, Number.NaN])
    assert.throws(() => hopPort(number, "openvpn", "udp"), RangeError);
});
