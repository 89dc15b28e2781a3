import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { skipFor } from "../lib/testing.ts";
import { GUARD_MARK, GUARD_SCRIPT, guardScript } from "./guard.ts";

const skip = skipFor(
  process.getuid?.() !== 0
    ? "needs root"
    : (spawnSync("nft", ["--version"]).error !== undefined || spawnSync("ip", ["-V"]).error !== undefined) &&
        "nftables or iproute2 is not installed",
);
const NETNS = `lethe-guard-${process.pid}`;
let folder = "";

const inside = (...command: string[]): string =>
  execFileSync("ip", ["netns", "exec", NETNS, ...command], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
/** The script as OpenVPN calls it. */
const run = (env: Record<string, string>, ...args: string[]) =>
  spawnSync("ip", ["netns", "exec", NETNS, "sh", join(folder, GUARD_SCRIPT), ...args], {
    encoding: "utf8",
    env: { ...process.env, LETHE_DNS4: "10.66.255.2", LETHE_DNS6: "fd6c:6574:6865:ffff::2", ...env },
  });
const up = () =>
  run({
    script_type: "up",
    dev: "tun9",
    ifconfig_local: "10.66.0.5",
    ifconfig_ipv6_local: "fd6c:6574:6865::5",
  });
/** Where a packet of any program goes; undefined where the kernel refuses it. */
const way = (address: string, ...more: string[]): string | undefined =>
  /^(?!.*unreachable).*dev (\S+)/.exec(
    spawnSync("ip", ["netns", "exec", NETNS, "ip", "route", "get", address, ...more], { encoding: "utf8" })
      .stdout,
  )?.[1];

before(() => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "lethe-guard-"));
  writeFileSync(join(folder, GUARD_SCRIPT), guardScript());
  execFileSync("ip", ["netns", "add", NETNS]);
  inside("ip", "link", "add", "eth9", "type", "veth", "peer", "name", "far9");
  inside("ip", "address", "add", "192.0.2.9/24", "dev", "eth9");
  for (const device of ["lo", "eth9", "far9"]) inside("ip", "link", "set", device, "up");
  inside("ip", "route", "add", "default", "via", "192.0.2.1");
});
after(() => {
  if (skip) return;
  spawnSync("ip", ["netns", "delete", NETNS]);
  rmSync(folder, { recursive: true });
});
const tunnel = () => {
  inside("ip", "tuntap", "add", "tun9", "mode", "tun");
  inside("ip", "address", "add", "10.66.0.5/20", "dev", "tun9");
  inside("ip", "link", "set", "tun9", "up");
};

test("a network's own routes draw nothing out of the tunnel, and when it dies nothing leaves", {
  skip,
}, () => {
  tunnel();
  const made = up();
  assert.equal(made.status, 0, made.stderr);
  // As a DHCP server may hand them out: more exact than anything a tunnel could name (RFC 3442).
  inside("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1");
  assert.equal(way("203.0.113.1"), "tun9");
  assert.equal(way("198.51.100.1"), "tun9", "TunnelVision");
  assert.equal(way("192.0.2.77"), "tun9", "a network that calls itself local");
  assert.equal(way("203.0.113.1", "mark", String(GUARD_MARK)), "eth9", "the tunnel's own packets");
  assert.equal(way("198.51.100.1", "mark", "1"), "tun9");
  const rules = inside("nft", "list", "table", "inet", "lethe_guard");
  assert.match(rules, /dnat ip to 10\.66\.255\.2/);
  assert.match(rules, /iifname != "tun9" ip daddr 10\.66\.0\.5 fib saddr type != local drop/);

  // OpenVPN is killed: its device goes, and no script runs.
  inside("ip", "link", "delete", "tun9");
  assert.equal(way("203.0.113.1"), undefined);
  assert.equal(way("198.51.100.1"), undefined);

  // It is started anew, and ends as its member wants it.
  tunnel();
  assert.equal(up().status, 0);
  assert.equal(way("203.0.113.1"), "tun9");
  assert.equal(run({ script_type: "down", signal: "auth-failure", dev: "tun9" }).status, 0);
  assert.equal(way("198.51.100.1"), "tun9", "shut after an end that nobody asked for");
  assert.equal(run({ script_type: "down", signal: "sigterm", dev: "tun9" }).status, 0);
  assert.equal(way("203.0.113.1"), "eth9");
  assert.equal(inside("nft", "list", "tables"), "");
  for (const family of ["-4", "-6"]) {
    assert.doesNotMatch(inside("ip", family, "rule"), new RegExp(String(GUARD_MARK)));
    assert.equal(
      spawnSync("ip", ["netns", "exec", NETNS, "ip", family, "route", "show", "table", String(GUARD_MARK)], {
        encoding: "utf8",
      }).stdout,
      "",
    );
  }
});

test("what carries the tunnel gets out to the one address and port that the profile names, and nothing else does", {
  skip,
}, () => {
  if (!inside("ip", "link").includes("tun9")) tunnel();
  const carried = {
    script_type: "up",
    dev: "tun9",
    ifconfig_local: "10.66.0.5",
    LETHE_CARRIER: "203.0.113.7:443",
  };
  const made = run(carried);
  assert.equal(made.status, 0, made.stderr);
  const tcp = (port: string) => ["ipproto", "tcp", "dport", port];
  const carrierAlone = (others: string | undefined) => {
    assert.equal(way("203.0.113.7", ...tcp("443")), "eth9");
    assert.equal(way("203.0.113.7", ...tcp("22")), others, "another port of the server's");
    assert.equal(way("203.0.113.7", "ipproto", "udp", "dport", "443"), others);
    assert.equal(way("203.0.113.8", ...tcp("443")), others, "another server");
    assert.equal(way("203.0.113.7"), others);
  };
  carrierAlone("tun9");
  const rules = inside("nft", "list", "chain", "inet", "lethe_guard", "out");
  // nft shows the mark in hexadecimal: 27749.
  assert.match(rules, /ip daddr 203\.0\.113\.7 tcp dport 443 meta mark set 0x00006c65 accept/);

  inside("ip", "link", "delete", "tun9");
  carrierAlone(undefined);

  // Another server's file, started while everything is shut; then one that nothing carries.
  tunnel();
  assert.equal(run({ ...carried, LETHE_CARRIER: "203.0.113.8:8444" }).status, 0);
  assert.equal(way("203.0.113.7", ...tcp("443")), "tun9");
  assert.equal(way("203.0.113.8", ...tcp("8444")), "eth9");
  assert.equal(up().status, 0);
  assert.equal(way("203.0.113.8", ...tcp("8444")), "tun9");

  assert.equal(run(carried).status, 0);
  assert.equal(run({ script_type: "down", signal: "sigint", dev: "tun9" }).status, 0);
  assert.doesNotMatch(inside("ip", "rule"), /203\.0\.113\.7/);
  for (const place of ["london1:443", "203.0.113.7:", "203.0.113.7:4 accept", "2001:db8::1:443", ":443"])
    assert.notEqual(run({ ...carried, LETHE_CARRIER: place }).status, 0, place);
  assert.equal(inside("nft", "list", "tables"), "", "nothing half-made");
});

test("by hand it lets traffic out again, and refuses what it does not know", { skip }, () => {
  if (!inside("ip", "link").includes("tun9")) tunnel();
  assert.equal(up().status, 0);
  inside("ip", "link", "delete", "tun9");
  assert.equal(way("203.0.113.1"), undefined);
  assert.equal(run({}, "off").status, 0);
  assert.equal(way("203.0.113.1"), "eth9");
  assert.equal(run({}, "off").status, 0, "twice");
  assert.notEqual(run({}).status, 0);
  assert.notEqual(run({ script_type: "up", dev: "tun9; reboot" }).status, 0);
  assert.notEqual(run({ script_type: "up", dev: "tun9", ifconfig_local: '1.1.1.1" accept' }).status, 0);
});
