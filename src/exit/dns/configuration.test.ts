import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BLOCKLISTS } from "../../lib/blocklist.ts";
import { DNS_LEVELS, type DnsLevel, resolverOf } from "../../lib/dns-levels.ts";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { SELF_TEST_NAME } from "../self-test/target.ts";
import { filteringConfiguration, resolverConfiguration } from "./configuration.ts";

const place = { user: "unbound", rootKey: "/usr/share/dns/root.key", ipv6: true, ipv6Uplink: true };
const render = (forward: string[] = [], allow: string[] = [], more = {}, dns = {}): string =>
  resolverConfiguration(
    { dns: { forward, ...dns }, egress: { allow, deny: [], denyPorts: [] } },
    { ...place, ...more },
  );
/** A member's device on an OpenVPN listener. */
const DEVICE = "10.66.0.5";
const has = (text: string, line: string): boolean => text.split("\n").some((found) => found.trim() === line);

test("it answers tunnels and the machine, keeps no log, and has no remote control", () => {
  const text = render();
  for (const line of [
    "interface: 10.66.255.1",
    "interface: fd6c:6574:6865:ffff::1",
    "access-control: 0.0.0.0/0 refuse",
    "access-control: 10.66.0.0/16 allow",
    "access-control: fd6c:6574:6865::/48 allow",
    "verbosity: 0",
    "use-syslog: no",
    'logfile: ""',
    "log-queries: no",
    "log-replies: no",
    "control-enable: no",
    "do-daemonize: no",
    'username: "unbound"',
  ]) {
    assert.ok(has(text, line), line);
  }
});

test("names that lead into closed ranges are not believed, except where the operator opened them", () => {
  assert.ok(has(render(), "private-address: 10.0.0.0/8"));
  assert.ok(has(render(), "private-address: fc00::/7"));
  const opened = render([], ["10.128.0.0/9"]);
  assert.ok(has(opened, "private-address: 10.0.0.0/9"));
  assert.ok(!has(opened, "private-address: 10.0.0.0/8"));
});

test("it validates what it asks the root servers, and the operator's forwarders unless these are to be believed", () => {
  const [validating, anchored] = [
    'module-config: "validator iterator"',
    'trust-anchor-file: "/usr/share/dns/root.key"',
  ];
  assert.ok(has(render(), validating) && has(render(), anchored));
  assert.ok(!render().includes("forward-zone"));
  const forwarding = render(["192.0.2.53", "2001:db8::53"]);
  assert.ok(has(forwarding, validating) && has(forwarding, anchored));
  assert.ok(has(forwarding, "forward-addr: 192.0.2.53") && has(forwarding, "forward-addr: 2001:db8::53"));
  const believing = render(["192.0.2.53"], [], {}, { validate: false });
  assert.ok(has(believing, 'module-config: "iterator"'));
  assert.ok(!believing.includes("trust-anchor"));
  assert.ok(has(render([], [], {}, { validate: false }), validating), "the root servers are never believed");
  assert.ok(has(render([], [], { rootKey: undefined }), 'module-config: "iterator"'));
});

test("without an IPv6 uplink it asks over IPv4 only; without IPv6 it listens on IPv4 only", () => {
  assert.ok(has(render([], [], { ipv6Uplink: false }), "outgoing-interface: 0.0.0.0"));
  assert.ok(!render().includes("outgoing-interface"));
  assert.ok(!render([], [], { ipv6: false, ipv6Uplink: false }).includes("interface: fd6c"));
});

test("the levels' resolver gives each address its tags, asks the other one, and reads the names", () => {
  const text = filteringConfiguration(
    { dns: { forward: [] }, egress: { allow: [], deny: [], denyPorts: [] } },
    place,
    [
      { list: "ads", path: "/run/x-ads.names" },
      { list: "adult", path: "/run/x-adult.names" },
    ],
  );
  for (const line of [
    'define-tag: "ads malware adult"',
    "interface: 10.66.255.2",
    "interface-action: 10.66.255.2 allow",
    'interface-tag: 10.66.255.2 "ads"',
    'interface-tag: fd6c:6574:6865:ffff::4 "ads malware adult"',
    'include: "/run/x-adult.names"',
    "forward-addr: 10.66.255.1",
    'module-config: "validator iterator"',
    "log-queries: no",
    "control-enable: no",
  ])
    assert.ok(has(text, line), line);
  assert.ok(
    has(text, 'interface-tag: 10.66.255.3 "ads malware"'),
    "no list of its own: as the one before it",
  );
  assert.ok(!has(text, "interface: 10.66.255.1"));
});

test("unbound takes both as they are, and each level keeps back what it should", {
  timeout: 120_000,
}, async (t) => {
  if (process.getuid!() !== 0 || findProgram("unbound") === undefined || findProgram("dig") === undefined)
    return t.skip(skipFor("needs root, unbound and dig"));
  const folder = mkdtempSync(join(tmpdir(), "lethe-levels-"));
  const name = `lethe-levels-${process.pid}`;
  const ip = (...words: string[]) => spawnSync("ip", words);
  const inside = (...argv: string[]) => ["ip", "netns", "exec", name, ...argv];
  const engines: ChildProcess[] = [];
  t.after(async () => {
    await Promise.all(
      engines.map(async (engine) => {
        const gone = engine.exitCode !== null ? undefined : once(engine, "exit");
        engine.kill("SIGKILL");
        await gone;
      }),
    );
    ip("netns", "del", name);
    rmSync(folder, { recursive: true });
  });
  ip("netns", "add", name);
  ip("-n", name, "link", "set", "lo", "up");
  ip("-n", name, "address", "add", `${DEVICE}/32`, "dev", "lo");
  for (const level of DNS_LEVELS) ip("-n", name, "address", "add", `${resolverOf(level).v4}/32`, "dev", "lo");
  const settings = { dns: { forward: [] }, egress: { allow: [], deny: [], denyPorts: [] } };
  const alone = { user: undefined, rootKey: undefined, ipv6: false, ipv6Uplink: false };
  const lists = BLOCKLISTS.map((list) => {
    const path = join(folder, `${list}.names`);
    writeFileSync(
      path,
      `local-zone: "${list}.example." always_nxdomain\nlocal-zone-tag: "${list}.example." "${list}"\n`,
    );
    return { list, path };
  });
  const world = `local-zone: "example." redirect\n  local-data: "example. 60 IN A 198.51.100.1"\n`;
  const siteInside = { names: ["site.example"], v4Name: "v4.site.example", v4: "0.0.0.0", v6: "::" };
  const files = {
    one: resolverConfiguration({ ...settings, siteInside }, alone).replace(
      "server:\n",
      `server:\n  ${world}`,
    ),
    levels: filteringConfiguration({ ...settings, siteInside }, alone, lists),
  };
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(folder, file), text);
    const [program = "", ...rest] = inside("unbound", "-d", "-c", join(folder, file));
    engines.push(spawn(program, rest, { stdio: "ignore" }));
  }
  const ask = (level: DnsLevel, question: string): string => {
    const [program = "", ...rest] = inside(
      ...["dig", "+time=1", "+tries=1", `@${resolverOf(level).v4}`, question, "A"],
    );
    return /status: (\w+)/.exec(spawnSync(program, rest, { encoding: "utf8" }).stdout)?.[1] ?? "";
  };
  for (const level of ["none", "adult"] as const)
    while (ask(level, SELF_TEST_NAME) !== "NOERROR") await new Promise((resolve) => setTimeout(resolve, 50));
  for (const [at, level] of DNS_LEVELS.entries())
    for (const [list, { list: kept }] of lists.entries())
      for (const question of [`${kept}.example`, `a.b.${kept}.example`])
        assert.equal(ask(level, question), list < at ? "NXDOMAIN" : "NOERROR", `${level} ${question}`);
  assert.equal(ask("adult", "other.example"), "NOERROR");

  // A device finds the site inside the tunnel, by either resolver; this machine's own proxies do not.
  const answer = (from: string, level: DnsLevel, name = "site.example", type = "A"): string => {
    const words = ["dig", "+short", "+time=1", "+tries=1", "-b", from, `@${resolverOf(level).v4}`];
    const [program = "", ...rest] = inside(...words, name, type);
    return spawnSync(program, rest, { encoding: "utf8" }).stdout.trim();
  };
  for (const level of ["none", "adult"] as const) {
    assert.equal(answer(DEVICE, level), "10.66.255.80");
    assert.equal(answer(DEVICE, level, "v4.site.example"), "10.66.255.80");
    assert.match(answer(DEVICE, level, "site.example", "AAAA"), /^fd6c:6574:6865:/, "control");
    assert.equal(answer(DEVICE, level, "v4.site.example", "AAAA"), "", "by IPv4 alone");
    assert.equal(answer(resolverOf("none").v4, level), "198.51.100.1");
  }
});
