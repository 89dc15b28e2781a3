import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../office/config.ts";
import { checkTogether } from "./doctor-settings.ts";

const NO_VPN = "[openvpn]\nudp = []\ntcp = []\n[wireguard]\nport = 0\n[ikev2]\nenabled = false\n";
const found = (toml: string): string[] =>
  checkTogether(parseConfig(toml, "lethe.toml")).map(({ state, found: text }) => `${state} ${text}`);

test("what lethe.toml says by default goes together, with everything switched on, too", () => {
  assert.deepEqual(found(""), []);
  assert.deepEqual(
    found('[vpn]\nport_forwarding = true\n[blocklists]\nads = ["https://a.example/list"]\n'),
    [],
  );
});

test("two hops want a VPN that can take them, and no service on a port that leads on", () => {
  const [alone, ...others] = found(NO_VPN);
  assert.match(alone ?? "", /^note vpn\.two_hops is on, and neither/);
  assert.deepEqual(others, []);
  assert.deepEqual(found(`${NO_VPN}[vpn]\ntwo_hops = false\n`), []);
  assert.match(
    found("[wireguard]\nport = 52001\n").join(),
    /^bad UDP port 52001 of wireguard\.port is one that leads on/,
  );
  assert.match(
    found('[ssh]\nlisten = ["0.0.0.0:53999", "[::]:53999"]\n').join(),
    /^bad TCP port 53999 of ssh/,
  );
  assert.deepEqual(found('[ssh]\nlisten = ["0.0.0.0:52001"]\n'), [], "WireGuard has no TCP");
  assert.deepEqual(found("[wireguard]\nport = 52001\n[vpn]\ntwo_hops = false\n"), []);
});

test("port forwarding wants OpenVPN or IKEv2, and says whose ports are taken", () => {
  const on = "[vpn]\nport_forwarding = true\ntwo_hops = false\n";
  assert.match(found(`${NO_VPN}${on}`).join(), /^note vpn\.port_forwarding is on, and neither/);
  const taken = '[socks5]\nlisten = ["0.0.0.0:10002"]\n';
  assert.match(found(`${taken}${on}`).join(), /^note port 10002 of socks5\.listen is a member's/);
  assert.deepEqual(found(taken), []);
});

test("blocklists want a VPN, and files that are there", () => {
  const absent = '[blocklists]\nmalware = ["/nowhere/lethe/list"]\n';
  assert.deepEqual(found(absent), [
    "bad blocklists.malware: /nowhere/lethe/list cannot be read: it does not exist.",
  ]);
  assert.match(found(`${NO_VPN}[vpn]\ntwo_hops = false\n${absent}`).join(), /^note .* no VPN is offered/);
});
