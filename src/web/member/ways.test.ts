import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { PLAIN_ENGLISH } from "../languages/language.ts";
import { waysPanel } from "./ways.ts";

const offering = (...services: string[]): ServerStatus =>
  ({
    services: services.map((service) => ({ service, ports: [], healthy: true })),
  }) as unknown as ServerStatus;
const rowsOf = (...servers: ServerStatus[]): string[] =>
  String(waysPanel(PLAIN_ENGLISH.say, servers) ?? "")
    .split("<li>")
    .slice(1);

test("each way that some server offers is named, WireGuard first, with what it covers and the systems' pages", () => {
  const rows = rowsOf(offering("http", "socks5", "ikev2"), offering("stealth-tls", "wireguard", "ikev2"));
  const titles = rows.map((row) => /<strong>(.*?)<\/strong>/.exec(row)?.[1]);
  assert.deepEqual(titles, ["WireGuard", "IKEv2", "Stealth", "SOCKS5 and HTTP proxy"]);
  assert.match(rows[0]!, /encrypts everything.*\/member\/devices.*\/member\/connect\/router/s);
  assert.ok(rows[1]!.includes("/member/connect/ios") && !rows[1]!.includes("/member/connect/linux"));
  assert.match(rows[3]!, /relays, does not encrypt/);
});

test("a proxy that no system's page speaks of leads to its ports, and nothing offered is no list", () => {
  assert.match(rowsOf(offering("socks5"))[0]!, /href="#proxies"/);
  assert.equal(waysPanel(PLAIN_ENGLISH.say, [offering()]), undefined);
});
