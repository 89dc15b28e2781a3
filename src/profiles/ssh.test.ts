import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipFor } from "../lib/testing.ts";
import { sshConfig, sshKnownHosts } from "./ssh.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const place = { name: "london1", host: "london1.example.net", port: 2222, keys: [KEY] };

test("the stanza asks for a proxy and nothing else, and knows the server's key by itself", () => {
  assert.equal(
    sshConfig({ places: [place], username: "abcdefghijkl" }),
    `# ssh -N -F this-file vpn-london1  asks for the VPN password, and waits.
# As long as it runs, 127.0.0.1:1080 is a SOCKS5 proxy of your own, encrypted as far as the server.
Host vpn-london1
  HostName london1.example.net
  Port 2222
  User abcdefghijkl
  DynamicForward 127.0.0.1:1080
  ExitOnForwardFailure yes
  IgnoreUnknown SessionType
  SessionType none
  RequestTTY no
  Ciphers ^aes256-gcm@openssh.com,aes128-gcm@openssh.com
  ServerAliveInterval 15
  ServerAliveCountMax 3
  PreferredAuthentications keyboard-interactive,password
  PubkeyAuthentication no
  ForwardAgent no
  ForwardX11 no
  ControlMaster no
  HostKeyAlias vpn-london1
  StrictHostKeyChecking yes
  HostKeyAlgorithms ssh-ed25519
  GlobalKnownHostsFile none
  UserKnownHostsFile none
  KnownHostsCommand /bin/echo vpn-london1 ${KEY}
`,
  );
});

test("where there is no echo the keys are a file beside it", () => {
  assert.match(
    sshConfig({ places: [place], knownHosts: "known_hosts" }),
    /^ {2}UserKnownHostsFile known_hosts$/m,
  );
  assert.equal(sshKnownHosts([place]), `vpn-london1 ${KEY}\n`);
});

test("a value that could break out of its line is refused", () => {
  for (const bad of [
    { ...place, name: "a\nProxyCommand x" },
    { ...place, host: "a b" },
    { ...place, port: 0 },
    { ...place, keys: [] },
    { ...place, keys: ["ssh-ed25519 AAAA%h"] },
    { ...place, keys: [`${KEY}\nProxyCommand x`] },
  ])
    assert.throws(() => sshConfig({ places: [bad] }), RangeError);
  assert.throws(() => sshConfig({ places: [place], username: "a b" }), RangeError);
  assert.throws(() => sshConfig({ places: [place], knownHosts: "a b" }), RangeError);
  assert.throws(() => sshConfig({ places: [] }), RangeError);
});

const skip = skipFor(spawnSync("ssh", ["-V"]).error !== undefined && "ssh is not installed");

test("ssh takes it as it is", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-ssh-"));
  try {
    const file = join(folder, "config");
    const places = [
      place,
      { ...place, name: "oslo1", host: "192.0.2.7", keys: [`ssh-rsa AAAAB3NzaC1yc2E${"A".repeat(60)}==`] },
    ];
    writeFileSync(file, sshConfig({ places }), { mode: 0o600 });
    const read = (host: string) =>
      execFileSync("ssh", ["-G", "-F", file, "-l", "somebody", host], { encoding: "utf8" });
    const london = read("vpn-london1").split("\n");
    for (const line of [
      "hostname london1.example.net",
      "port 2222",
      "user somebody",
      "dynamicforward [127.0.0.1]:1080",
      "exitonforwardfailure yes",
      "sessiontype none",
      "forwardagent no",
      "stricthostkeychecking true",
      "hostkeyalias vpn-london1",
      `knownhostscommand /bin/echo vpn-london1 ${KEY}`,
    ])
      assert.ok(london.includes(line), line);
    assert.match(
      read("vpn-oslo1"),
      /^hostname 192\.0\.2\.7\n(.*\n)*hostkeyalgorithms rsa-sha2-512,rsa-sha2-256$/m,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
