import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../office/config.ts";
import { checkPackages } from "./doctor-packages.ts";

const check = (toml: string, there: (name: string) => boolean) =>
  checkPackages(parseConfig(toml, "lethe.toml"), {
    program: there,
    file: there,
    rootKey: () => there("root.key"),
  });

test("every offered service's packages are named, with what needs them", () => {
  const { state, found, remedy } = check("", () => false);
  assert.equal(state, "bad");
  for (const need of [
    "openvpn (OpenVPN)",
    "wireguard-tools (WireGuard)",
    "charon-systemd (IKEv2)",
    "libcharon-extra-plugins (IKEv2)",
    "libstrongswan-standard-plugins (IKEv2)",
    "stunnel4 (OpenVPN inside TLS)",
    "obfs4proxy (OpenVPN inside obfs4)",
    "unbound (names inside the tunnels)",
    "dns-root-data (DNSSEC)",
  ])
    assert.ok(found.includes(need), need);
  assert.match(remedy, /apt-get install .*stunnel4/);
  assert.match(check("", (name) => name !== "obfs4proxy").found, /^missing: obfs4proxy \([^,]*$/);
  assert.equal(check("", () => true).state, "good");
});

test("what is not offered needs nothing", () => {
  const { found } = check(
    '[openvpn]\ntcp = []\n[wireguard]\nport = 0\n[ikev2]\nenabled = false\n[dns]\nforward = ["192.0.2.53"]\nvalidate = false\n',
    () => false,
  );
  assert.equal(
    found,
    "missing: openssl (certificates), nftables (the firewall of every VPN), iproute2 (the devices of every VPN), unbound (names inside the tunnels), openvpn (OpenVPN)",
  );
});
