import assert from "node:assert/strict";
import { test } from "node:test";
import { resolverConfiguration } from "./configuration.ts";

const place = { user: "unbound", rootKey: "/usr/share/dns/root.key", ipv6: true, ipv6Uplink: true };
const render = (forward: string[] = [], allow: string[] = [], more = {}): string =>
  resolverConfiguration(
    { dns: { forward }, egress: { allow, deny: [], denyPorts: [] } },
    { ...place, ...more },
  );
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

test("it asks the root servers and validates, or asks the operator's forwarders and believes them", () => {
  assert.ok(has(render(), 'module-config: "validator iterator"'));
  assert.ok(has(render(), 'trust-anchor-file: "/usr/share/dns/root.key"'));
  assert.ok(!render().includes("forward-zone"));
  const forwarding = render(["192.0.2.53", "2001:db8::53"]);
  assert.ok(has(forwarding, 'module-config: "iterator"'));
  assert.ok(!forwarding.includes("trust-anchor"));
  assert.ok(has(forwarding, "forward-addr: 192.0.2.53") && has(forwarding, "forward-addr: 2001:db8::53"));
  assert.ok(has(render([], [], { rootKey: undefined }), 'module-config: "iterator"'));
});

test("without an IPv6 uplink it asks over IPv4 only; without IPv6 it listens on IPv4 only", () => {
  assert.ok(has(render([], [], { ipv6Uplink: false }), "outgoing-interface: 0.0.0.0"));
  assert.ok(!render().includes("outgoing-interface"));
  assert.ok(!render([], [], { ipv6: false, ipv6Uplink: false }).includes("interface: fd6c"));
});
