import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, test } from "node:test";
import { freePorts, skipFor } from "./testing.ts";

const { CI } = process.env;
afterEach(() => {
  if (CI === undefined) delete process.env.CI;
  else process.env.CI = CI;
});

test("a test without what it needs is passed over, and says why", () => {
  delete process.env.CI;
  assert.equal(skipFor("pebble is not installed"), "SKIPPED: pebble is not installed");
  assert.equal(skipFor(undefined), false);
  assert.equal(skipFor(false), false);
});

test("in CI it fails instead", () => {
  process.env.CI = "true";
  assert.throws(() => skipFor("pebble is not installed"), /pebble is not installed/);
  assert.equal(skipFor(undefined), false);
});

test("free ports are different ones, below the kernel's own, and can be used for both protocols", async () => {
  const ports = await freePorts(200);
  assert.equal(new Set([...ports, ...(await freePorts(20))]).size, 220);
  assert.ok(ports.every((port) => port >= 20_000 && port < 32_768));
  const tcp = createServer().listen(ports[0], "127.0.0.1");
  const udp = createSocket("udp4").bind(ports[0], "127.0.0.1");
  await Promise.all([once(tcp, "listening"), once(udp, "listening")]);
  tcp.close();
  udp.close();
});
