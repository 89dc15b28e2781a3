import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipFor } from "../lib/testing.ts";
import { openvpnProfile } from "./openvpn.ts";

const needed = [
  "/usr/sbin/NetworkManager",
  "/usr/bin/nmcli",
  "/usr/bin/dbus-daemon",
  "/usr/lib/NetworkManager/VPN/nm-openvpn-service.name",
];
const lacking = needed.find((path) => !existsSync(path));
const skip = skipFor(process.getuid?.() !== 0 ? "needs root" : lacking && `there is no ${lacking}`);

/** A NetworkManager and a system bus that nobody else sees: own mounts, own network, no device managed. */
const ALONE = `set -eu
for folder in /run /var/lib/NetworkManager /etc/NetworkManager; do mount -t tmpfs none $folder; done
mkdir -p /run/dbus /etc/NetworkManager/system-connections
printf '[main]\\nplugins=keyfile\\ndns=none\\nauth-polkit=false\\n[keyfile]\\nunmanaged-devices=*\\n' >/etc/NetworkManager/NetworkManager.conf
dbus-daemon --system --nofork --nopidfile --address=unix:path=/run/dbus/system_bus_socket >/dev/null 2>&1 &
bus=$!
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket
for try in $(seq 100); do [ ! -S /run/dbus/system_bus_socket ] || break; sleep 0.1; done
NetworkManager --no-daemon >/dev/null 2>&1 &
manager=$!
trap 'kill $manager $bus' EXIT
for try in $(seq 200); do ! nmcli -t general status >/dev/null 2>&1 || break; sleep 0.1; done
nmcli connection import type openvpn file "$1"
nmcli --get-values vpn.service-type,vpn.data connection show london1
`;

test("NetworkManager imports the profile for Linux as it is, with all that it names", {
  skip,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-nm-"));
  try {
    const file = (name: string) => join(folder, name);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const made = ["-days", "2", "-subj", "/CN=Authority", "-keyout", file("ca.key"), "-out", file("ca.crt")];
    execFileSync("openssl", ["req", "-x509", ...key, ...made], { stdio: "ignore" });
    const profile = openvpnProfile({
      serverNames: ["london1.exits.lethe.internal"],
      remotes: [
        { host: "london1.example.net", port: 443, protocol: "tcp" },
        { host: "london1.example.net", port: 1194, protocol: "udp" },
      ],
      ca: execFileSync("cat", [file("ca.crt")], { encoding: "utf8" }),
      tlsCrypt: execFileSync("openvpn", ["--genkey", "tls-crypt"], { encoding: "utf8" }),
      system: "linux",
      level: "ads",
    });
    writeFileSync(file("london1.conf"), profile);
    writeFileSync(file("alone.sh"), ALONE);
    // nmcli puts certificates into the home folder of who calls it.
    const env = { ...process.env, HOME: folder };
    const unshared = ["-mn", "--propagation", "private", "sh", file("alone.sh"), file("london1.conf")];
    const { status, stdout, stderr } = spawnSync("unshare", unshared, {
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /org\.freedesktop\.NetworkManager\.openvpn/);
    const data = stdout.replaceAll("\\", "");
    for (const part of [
      "connection-type = password",
      "data-ciphers = AES-256-GCM:CHACHA20-POLY1305",
      "remote = london1.example.net:1194:udp, london1.example.net:443:tcp",
      "remote-cert-tls = server",
      "tls-version-min = 1.2",
      "verify-x509-name = name:london1.exits.lethe.internal",
    ])
      assert.ok(data.includes(part), `${part} is not in\n${data}`);
    assert.match(data, /ca = \S+london1-ca\.pem/);
    assert.match(data, /tls-crypt = \S+london1-tls-crypt\.pem/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
