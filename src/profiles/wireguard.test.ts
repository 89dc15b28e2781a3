import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { skipFor } from "../lib/testing.ts";
import { PRIVATE_KEY_LINE, WIREGUARD_MARK, wireguardProfile } from "./wireguard.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-wireguard-"));
after(() => rmSync(folder, { recursive: true }));

/** RFC 7748 section 6.1: Alice's private key, Bob's public key. */
const privateKey = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
const serverKey = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
const input = {
  privateKey,
  serverKey,
  address: { v4: "10.96.0.5", v6: "fd6c:6574:6865:a000::5" },
  resolver: { v4: "10.66.255.2", v6: "fd6c:6574:6865:ffff::2" },
  endpoint: { host: "oslo1.example.net", port: 51_820 },
};

/** What wg-quick(8) hands on to wg(8), or why it does not. */
function strip(profile: string): string {
  const path = join(folder, "oslo1.conf");
  writeFileSync(path, profile, { mode: 0o600 });
  const { status, stdout, stderr } = spawnSync("wg-quick", ["strip", path], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
  return stdout
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .join("\n");
}
const skip = skipFor(spawnSync("wg-quick", ["--help"]).error !== undefined && "wg-quick is not installed");
const PEER = `[Peer]
PublicKey = ${serverKey}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = oslo1.example.net:51820
PersistentKeepalive = 25`;

test("the file for every app has all traffic in the tunnel and its resolver", () => {
  assert.equal(
    wireguardProfile(input),
    `[Interface]
PrivateKey = ${privateKey}
Address = 10.96.0.5/32, fd6c:6574:6865:a000::5/128
DNS = 10.66.255.2, fd6c:6574:6865:ffff::2

${PEER}
`,
  );
});

test("wg-quick takes the files as they are", { skip }, () => {
  assert.equal(strip(wireguardProfile(input)), `[Interface]\nPrivateKey = ${privateKey}\n${PEER}`);
  assert.equal(
    strip(wireguardProfile({ ...input, system: "linux" })),
    `[Interface]\nPrivateKey = ${privateKey}\nFwMark = ${WIREGUARD_MARK}\n${PEER}`,
  );
});

test("a file without a private key says where it belongs, in one line that a script can replace", {
  skip,
}, () => {
  const without = wireguardProfile({ ...input, privateKey: undefined });
  assert.equal(without.split(PRIVATE_KEY_LINE).length, 2);
  assert.equal(without.replace(PRIVATE_KEY_LINE, `PrivateKey = ${privateKey}`), wireguardProfile(input));
  assert.doesNotMatch(strip(without), /PrivateKey/);
});

/** wireguard-go's sockets lie in one folder for all namespaces, by the device's name. */
const DEVICE = `wgp${process.pid}`;
const NAMESPACE = `lethe-${DEVICE}`;
const SOCKET = `/var/run/wireguard/${DEVICE}.sock`;
const until = async (condition: () => boolean) => {
  for (let waits = 0; waits < 600 && !condition(); waits++) await sleep(50);
  assert.ok(condition());
};

test("with Linux's rules a network's own routes draw nothing out of the tunnel", {
  skip:
    skip ||
    skipFor(
      (spawnSync("ip", ["netns", "add", NAMESPACE]).status !== 0 && "there are no network namespaces") ||
        (spawnSync("wireguard-go", ["--version"]).error !== undefined && "wireguard-go is not installed"),
    ),
}, async () => {
  const path = join(folder, `${DEVICE}.conf`);
  const profile = (system?: "linux") =>
    // Without a resolver's line: what wg-quick does with it is the whole machine's business, not the namespace's.
    wireguardProfile({ ...input, endpoint: { host: "192.0.2.1", port: 51_820 }, system }).replace(
      /^DNS = .*$/m,
      "",
    );
  const run = (...command: string[]) =>
    spawnSync("ip", ["netns", "exec", NAMESPACE, ...command], {
      encoding: "utf8",
      env: { ...process.env, WG_QUICK_USERSPACE_IMPLEMENTATION: "wireguard-go" },
    });
  const routeOf = (...to: string[]) => {
    const { stdout, status } = run("ip", "route", "get", ...to);
    return status === 0 ? / dev (\S+)/.exec(stdout)?.[1] : "none";
  };
  const rules = () =>
    run("ip", "rule").stdout + run("ip", "-6", "rule").stdout + run("nft", "list", "ruleset").stdout;
  for (const command of [
    "ip link set lo up",
    "ip link add lan type veth peer name other",
    "ip address add 192.0.2.2/24 dev lan",
    "ip link set lan up",
    "ip link set other up",
    "ip route add default via 192.0.2.1",
    // What a hostile DHCP server hands out (option 121).
    "ip route add 198.18.0.0/16 via 192.0.2.66",
  ])
    assert.equal(run(...command.split(" ")).status, 0, command);
  const before = rules();

  writeFileSync(path, profile("linux"), { mode: 0o600 });
  const up = run("wg-quick", "up", path);
  assert.equal(up.status, 0, up.stderr);
  assert.equal(routeOf("198.18.0.1"), DEVICE);
  assert.equal(routeOf("192.0.2.77"), DEVICE, "the local network as well");
  assert.equal(routeOf("192.0.2.1", "mark", String(WIREGUARD_MARK)), "lan", "the tunnel's own packets");
  run("ip", "link", "delete", DEVICE);
  await until(() => !existsSync(SOCKET));
  assert.equal(routeOf("198.18.0.1"), "none", "with its device gone everything stays shut");
  assert.match(rules(), /policy drop/);
  const again = run("wg-quick", "up", path);
  assert.equal(again.status, 0, again.stderr);
  assert.equal(routeOf("198.18.0.1"), DEVICE);
  assert.equal(run("wg-quick", "down", path).status, 0);
  assert.equal(rules(), before, "nothing is left");
  await until(() => !existsSync(SOCKET));

  writeFileSync(path, profile(), { mode: 0o600 });
  assert.equal(run("wg-quick", "up", path).status, 0);
  assert.equal(routeOf("198.18.0.1"), "lan", "control: without them the hostile route draws traffic out");
  assert.equal(run("wg-quick", "down", path).status, 0);
});
after(() => spawnSync("ip", ["netns", "delete", NAMESPACE]));

test("nothing breaks out of its line", () => {
  const wrong = [
    { privateKey: `${privateKey}\nPostUp = reboot` },
    { privateKey: "x" },
    { serverKey: "$(reboot)" },
    { address: { v4: "10.96.0.5\n", v6: "::1" } },
    { address: { v4: "10.96.0.5", v6: "::1%eth0" } },
    { resolver: { v4: "'", v6: "::1" } },
    { endpoint: { host: "a b", port: 1 } },
    { endpoint: { host: "a\n", port: 1 } },
    { endpoint: { host: "a", port: 0 } },
  ];
  for (const change of wrong)
    for (const system of ["linux", undefined] as const)
      assert.throws(
        () => wireguardProfile({ ...input, ...change, system }),
        RangeError,
        JSON.stringify(change),
      );
  assert.match(
    wireguardProfile({ ...input, endpoint: { host: "2001:db8::1", port: 52_001 } }),
    /^Endpoint = \[2001:db8::1\]:52001$/m,
  );
});
