import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { type InterfaceCounters, Meter, readUplink, type SlotTraffic } from "./meter.ts";

// proc_pid_net(5), net/dev; net/route; net/ipv6_route, as a Linux 6.1 machine showed them.
const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9000000   11174    0    0    0     0          0         0  9000000   11174    0    0    0     0       0          0
  eth0: 1500000    1040    0    0    0     0          0         0   700000     800    0    0    0     0       0          0
  eth1:12345678901 1040    0    0    0     0          0         0 98765432109     800    0    0    0     0       0          0
lethe-u0: 5555     1040    0    0    0     0          0         0     4444     800    0    0    0     0       0          0
`;
const ROUTE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
`;
const ROUTE6 = `00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;
const files = (route: string, route6: string) => (path: string) =>
  ({ "/proc/net/dev": DEV, "/proc/net/route": route, "/proc/net/ipv6_route": route6 })[path] ?? "";
const names = (counters: InterfaceCounters[]) => counters.map(({ name }) => name);

test("the uplink is what bears a default route, over IPv4 or IPv6", () => {
  assert.deepEqual(readUplink(files(ROUTE, "")), [
    { name: "eth1", inBytes: 12_345_678_901, outBytes: 98_765_432_109 },
  ]);
  assert.deepEqual(names(readUplink(files(ROUTE, ROUTE6))), ["eth0", "eth1"]);
});

test("without a default route it is everything but loopback and tunnels", () => {
  assert.deepEqual(names(readUplink(files("", ""))), ["eth0", "eth1"]);
});

test("this machine's own counters can be read", () => {
  for (const { inBytes, outBytes } of readUplink()) assert.ok(inBytes >= 0 && outBytes >= 0);
});

/** A slot's worth of 100 Mbit/s is 3.75 GB: one percent is 37.5 MB. */
const ONE_PERCENT = 37_500_000;

function world(bandwidthMbit: number | undefined = 100) {
  const clock = new FakeClock();
  const slots: SlotTraffic[] = [];
  let counters: InterfaceCounters[] = [{ name: "eth0", inBytes: 5e12, outBytes: 7e12 }];
  const meter = new Meter({
    clock,
    timeMs: () => undefined,
    bandwidthMbit: () => bandwidthMbit,
    onSlot: (traffic) => slots.push(traffic),
    read: () => counters.map((each) => ({ ...each })),
  });
  const first = clock.now() / 300_000;
  meter.sample();
  return {
    clock,
    meter,
    slots,
    first,
    eth0: () => counters[0]!,
    set: (all: InterfaceCounters[]) => {
      counters = all;
    },
    pass(ms: number) {
      clock.advance(ms);
      meter.sample();
    },
  };
}

test("each slot is told once, when it has ended, in whole percent rounded down", () => {
  const it = world();
  it.eth0().inBytes += 3.9 * ONE_PERCENT;
  it.pass(100_000);
  it.eth0().inBytes += 1.2 * ONE_PERCENT;
  it.eth0().outBytes += 0.9 * ONE_PERCENT;
  it.pass(199_999);
  assert.deepEqual(it.slots, []);
  it.pass(1);
  assert.deepEqual(it.slots, [{ slot: it.first, inPercent: 5, outPercent: 0 }]);
  it.pass(299_999);
  assert.equal(it.slots.length, 1);
  it.pass(1);
  assert.deepEqual(it.slots[1], { slot: it.first + 1, inPercent: 0, outPercent: 0 });
});

test("a counter that begins anew counts from zero", () => {
  const it = world();
  it.set([{ name: "eth0", inBytes: 2 * ONE_PERCENT, outBytes: 0 }]);
  it.pass(300_000);
  assert.deepEqual(it.slots, [{ slot: it.first, inPercent: 2, outPercent: 0 }]);
});

test("an interface that appears brings no traffic of before, one that goes takes none away", () => {
  const it = world();
  it.set([{ name: "eth1", inBytes: 9e12, outBytes: 9e12 }]);
  it.pass(10_000);
  it.set([
    { name: "eth0", inBytes: 5e12, outBytes: 7e12 },
    { name: "eth1", inBytes: 9e12 + ONE_PERCENT, outBytes: 9e12 },
  ]);
  it.pass(10_000);
  it.set([]);
  it.pass(300_000);
  assert.deepEqual(it.slots, [{ slot: it.first, inPercent: 1, outPercent: 0 }]);
});

test("while the server's bandwidth is not known nothing is told", () => {
  const it = world(Number.NaN);
  const unknown = new Meter({
    clock: it.clock,
    timeMs: () => undefined,
    bandwidthMbit: () => undefined,
    onSlot: () => assert.fail("told"),
    read: () => [],
  });
  unknown.sample();
  it.clock.advance(300_000);
  unknown.sample();
});

test("a clock that is set back or sleeps tells no slot twice", () => {
  const it = world();
  it.pass(300_000);
  it.clock.jump(-600_000);
  it.meter.sample();
  assert.equal(it.slots.length, 1);
  it.pass(7_200_000);
  assert.equal(it.slots.length, 2);
});
