import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerSettings } from "../link/settings.ts";
import { withoutKeys } from "./workers.ts";

test("what opens the NT hashes is not told to processes that read the Internet", () => {
  const hashKey = Buffer.alloc(32, 7).toString("base64");
  const socks5 = { listen: [{ address: "0.0.0.0", port: 1080 }] };
  const services = { socks5, ikev2: { hashKey }, openvpn: { listen: [], tlsCrypt: "the key" } };
  const settings = { server: "london1", sitePorts: [443], services } as unknown as ServerSettings;
  const told = withoutKeys(settings);
  assert.deepEqual(told, { server: "london1", sitePorts: [443], services: { socks5 } });
  assert.ok(!JSON.stringify(told).includes(hashKey));
  assert.equal(settings.services.ikev2?.hashKey, hashKey, "and what they are made of stays whole");
});
