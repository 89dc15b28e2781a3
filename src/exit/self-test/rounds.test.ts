import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { settingsFor } from "../../link/testing.ts";
import type { KeeperEngines } from "../messages.ts";
import { SelfTestLogins } from "./logins.ts";
import { SelfTest, type SelfTestOptions, type ServiceHealth } from "./rounds.ts";
import { SelfTestTarget } from "./target.ts";

const listen = [
  { protocol: "udp" as const, address: "0.0.0.0", port: 1194 },
  { protocol: "tcp" as const, address: "192.0.2.1", port: 443 },
];
const settings = settingsFor("a1", { services: { openvpn: { listen, tlsCrypt: "unused" } } });
const engines = (...healthy: boolean[]): KeeperEngines["engines"] =>
  healthy.map((each, index) => ({ id: `openvpn-${index}`, service: "openvpn", healthy: each }));

function selfTest(changes: Partial<SelfTestOptions> = {}) {
  const results: { minute: number; services: ServiceHealth[] }[] = [];
  const made = new SelfTest({
    clock: new FakeClock(),
    timeMs: () => undefined,
    logins: new SelfTestLogins(),
    processes: { proxy: 1, ssh: 1 },
    target: new SelfTestTarget(),
    testOpenvpn: async () => true,
    testWireguard: async () => true,
    testResolver: async () => true,
    testValidation: async () => true,
    onResult: (minute, services) => results.push({ minute, services }),
    ...changes,
  });
  return { made, results };
}

test("forwarders that make every validated answer fail are noticed; where they are believed nothing is asked", async () => {
  let asked = 0;
  const { made } = selfTest({
    testValidation: async () => {
      asked += 1;
      return false;
    },
  });
  const isWell = async (dns: ServerSettings["dns"]) => {
    made.update({ settings: { ...settings, dns }, engines: engines(true, true) });
    return (await made.round()).find(({ service }) => service === "dns")?.healthy;
  };
  assert.equal(await isWell({ forward: [] }), true);
  assert.equal(await isWell({ forward: ["192.0.2.53"], validate: false }), true);
  assert.equal(asked, 0);
  assert.equal(await isWell({ forward: ["192.0.2.53"] }), false);
  assert.equal(asked, 1);
});

test("OpenVPN is well where each listener is; one whose engine does not run is not asked", async () => {
  const asked: string[] = [];
  const bad = new Set<string>();
  const logins = new SelfTestLogins();
  const { made } = selfTest({
    logins,
    testOpenvpn: async (engine, login) => {
      asked.push(engine);
      const address = engine === "openvpn-0" ? "127.0.0.1" : "192.0.2.1";
      const attempt = { service: "openvpn" as const, ...login };
      assert.equal(logins.admit({ ...attempt, address: "127.0.0.9" }), undefined);
      assert.ok(logins.admit({ ...attempt, address }), "good while the round goes on");
      assert.equal(logins.admit({ ...attempt, address }), undefined, "once");
      return !bad.has(engine);
    },
    testResolver: async () => !bad.has("dns"),
  });
  const health = async () =>
    Object.fromEntries((await made.round()).map((each) => [each.service, each.healthy]));
  made.update({ settings, engines: engines(true, true) });
  assert.deepEqual(await health(), { openvpn: true, dns: true });
  bad.add("openvpn-1");
  assert.deepEqual(await health(), { openvpn: false, dns: true });
  bad.clear();
  bad.add("dns");
  assert.deepEqual(await health(), { openvpn: true, dns: false });
  bad.clear();
  asked.length = 0;
  made.update({ engines: engines(true, false) });
  assert.deepEqual(await health(), { openvpn: false, dns: true });
  assert.deepEqual(asked, ["openvpn-0"]);
  made.close();
});

test("a listener whose port is another program's is left out, and counts as no illness", async () => {
  const asked: string[] = [];
  const { made } = selfTest({
    testOpenvpn: async (engine) => {
      asked.push(engine);
      return true;
    },
  });
  const [first, second] = engines(true, false);
  made.update({ settings, engines: [first!, { ...second!, leftOut: true }] });
  const health = await made.round();
  assert.deepEqual(health[0], { service: "openvpn", healthy: true });
  assert.deepEqual(asked, ["openvpn-0"]);
  made.close();
});

test("the first round comes once everything runs, then one a minute; what never runs is found ill after 30 s", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = new FakeClock(Date.UTC(2030, 0, 1) + 59_000);
  const { made, results } = selfTest({ clock });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100);
      t.mock.timers.tick(100);
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    }
  };
  made.update({ settings, engines: engines(true, false) });
  await pass(5000);
  assert.equal(results.length, 0);
  made.update({ engines: engines(true, true) });
  await pass(300);
  assert.equal(results.length, 1);
  assert.equal(results[0]!.services[0]!.healthy, true);
  await pass(60_000 * 10);
  const minutes = results.map(({ minute }) => minute);
  assert.ok(minutes.length >= 10 && minutes.length <= 12, String(minutes.length));
  for (const [index, minute] of minutes.slice(1).entries()) assert.equal(minute, minutes[index]! + 1);
  made.close();

  const ill = selfTest({ clock });
  ill.made.update({ settings, engines: engines(false, true) });
  await pass(29_500);
  assert.equal(ill.results.length, 0);
  await pass(1000);
  assert.equal(ill.results.length, 0, "looked at twice before the first word");
  await pass(3000);
  assert.equal(ill.results[0]!.services[0]!.healthy, false);
  ill.made.update({ engines: engines(true, true) });
  const leftMs = 60_000 - (clock.now() % 60_000);
  await pass(leftMs + 10_500);
  assert.equal(ill.results[1]!.services[0]!.healthy, true, "looked at again early in the next minute");
  ill.made.close();
});

test("a start that is not quite through is not told as an illness", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = new FakeClock();
  let through = false;
  const { made, results } = selfTest({ clock, testResolver: async () => through });
  made.update({ settings, engines: engines(true, true) });
  for (let second = 0; second < 5; second += 1) {
    clock.advance(1000);
    t.mock.timers.tick(1000);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    through = second >= 1;
  }
  assert.deepEqual(
    results.map(({ services }) => services.every(({ healthy }) => healthy)),
    [true],
  );
  made.close();
});

test("a thousand exits that started at once do not report at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = new FakeClock();
  const perSecond = new Map<number, number>();
  const fleet = Array.from({ length: 1000 }, () =>
    selfTest({
      clock,
      onResult: () => {
        const second = Math.floor(clock.now() / 1000);
        perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      },
    }),
  );
  for (const { made } of fleet) made.update({ settings: settingsFor("a1", { services: {} }), engines: [] });
  for (let second = 0; second < 120; second += 1) {
    clock.advance(1000);
    t.mock.timers.tick(1000);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  }
  const later = [...perSecond].slice(1).map(([, count]) => count);
  assert.ok(Math.max(...later) < 60, `at most ${Math.max(...later)} in one second`);
  for (const { made } of fleet) made.close();
});

test("the office's time may be put right by any amount: the next round is never far", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = new FakeClock();
  let offsetMs = 0;
  const { made, results } = selfTest({ clock, timeMs: () => clock.now() + offsetMs });
  made.update({ settings, engines: engines(true, true) });
  for (const jumpMs of [0, 86_400_000, -2 * 86_400_000, 3_600_000]) {
    offsetMs += jumpMs;
    const before = results.length;
    for (let second = 0; second < 180; second += 1) {
      clock.advance(1000);
      t.mock.timers.tick(1000);
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    }
    assert.ok(results.length - before >= 2, `${results.length - before} after ${jumpMs}`);
  }
  made.close();
});

test("where one process has the proxies' ports each place is tried once; where several have, so often that none is missed", async () => {
  const addresses = ["127.0.0.1", "127.0.0.2"];
  const tried = new Map<string, number>();
  const servers = addresses.map((address) =>
    createServer((socket) => {
      tried.set(address, (tried.get(address) ?? 0) + 1);
      socket.destroy();
    })
      .listen(0, address)
      .unref(),
  );
  await Promise.all(servers.map((server) => once(server, "listening")));
  const places = servers.map((server) => {
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  });
  const socks5 = settingsFor("a1", { services: { socks5: { listen: places } } });
  for (const [processes, times] of [
    [1, 1],
    [2, 4],
  ] as const) {
    tried.clear();
    const { made } = selfTest({ processes: { proxy: processes, ssh: 1 } });
    made.update({ settings: socks5, engines: [] });
    assert.deepEqual(await made.round(), [{ service: "socks5", healthy: false }]);
    made.close();
    assert.deepEqual([...tried.values()], [times, times]);
  }
  for (const server of servers) server.close();
});
