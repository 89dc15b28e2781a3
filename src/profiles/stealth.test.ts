import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "../lib/run-command.ts";
import { skipFor } from "../lib/testing.ts";
import { GUARD_SCRIPT, guardScript } from "./guard.ts";
import { SYSTEMS } from "./kinds.ts";
import { type StealthInput, stealthObfs4Files, stealthTlsFiles } from "./stealth.ts";

const CA = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN OpenVPN Static key V1-----\n00112233\n-----END OpenVPN Static key V1-----\n";
const BRIDGE = `cert=${"A".repeat(70)};iat-mode=0`;
const input: StealthInput = {
  name: "london1",
  serverName: "london1.exits.lethe.internal",
  host: "203.0.113.7",
  port: 443,
  ca: CA,
  tlsCrypt: KEY,
  system: "linux",
};

test("stunnel is told of the server and how to know it; OpenVPN goes to stunnel, and what stunnel sends stays outside", () => {
  const [stunnel, authority, openvpn] = stealthTlsFiles(input);
  assert.equal(
    stunnel!.content,
    `; Start stunnel with this file, in the folder that it lies in; then OpenVPN with the other.
foreground = yes
pid =
client = yes

[openvpn]
accept = 127.0.0.1:11940
connect = 203.0.113.7:443
sslVersionMin = TLSv1.3
CAfile = london1-ca.crt
verifyChain = yes
checkHost = london1.exits.lethe.internal
sni =
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
`,
  );
  assert.deepEqual([authority!.name, authority!.content], ["london1-ca.crt", CA]);
  assert.deepEqual(openvpn!.content.match(/^(?:remote|route) .*$/gm), [
    "remote 127.0.0.1 11940 tcp",
    "route 203.0.113.7 255.255.255.255 net_gateway",
  ]);
});

test("on Windows stunnel's file says where stunnel looks for it", () => {
  const [stunnel] = stealthTlsFiles({ ...input, system: "windows" });
  assert.match(stunnel!.content, /^; Copy this file and the \.crt into stunnel's own folder config,/);
  assert.doesNotMatch(stunnel!.content, /^(?:foreground|pid) =/m);
});

test("guarded, the kill switch lets out to the server's address and port alone, and its script lies beside the files", () => {
  const guarded = { ...input, guarded: true };
  for (const files of [stealthTlsFiles(guarded), stealthObfs4Files({ ...guarded, bridge: BRIDGE })]) {
    const profile = files.find(({ name }) => name === "london1.conf")!.content;
    assert.match(profile, /^setenv LETHE_CARRIER 203\.0\.113\.7:443$/m);
    assert.match(profile, /^route-noexec$/m);
    assert.match(profile, /^mark 27749$/m);
    assert.match(profile, /^up "\/bin\/sh lethe-guard\.sh"$/m);
    assert.doesNotMatch(profile, /^route |^redirect-gateway/m);
    assert.equal(files.at(-1)!.content, guardScript());
  }
  assert.ok(stealthTlsFiles(input).every(({ name }) => name !== GUARD_SCRIPT));
  // Who answers for a name could have any address let out.
  assert.throws(() => stealthTlsFiles({ ...guarded, host: "london1.example.net" }), RangeError);
});

test("what only Unix knows does not stand in Windows' file; a name is asked for by its name", () => {
  const [windows] = stealthTlsFiles({ ...input, system: "windows", host: "london1.example.net" });
  assert.doesNotMatch(windows!.content, /foreground|pid|sni/);
  assert.match(windows!.content, /^connect = london1\.example\.net:443$/m);
});

test("obfs4proxy's login puts together to what the server is known by, and the script finds the line that it has to change", () => {
  const [login, openvpn, script] = stealthObfs4Files({ ...input, port: 8444, bridge: BRIDGE });
  const [username, password, end] = login!.content.split("\n");
  assert.equal(`${username}${password}`, BRIDGE);
  assert.equal(end, "");
  const [line] = /^socks-proxy .*$/m.exec(openvpn!.content)!;
  assert.equal(line, "socks-proxy 127.0.0.1 11050 london1-obfs4.txt");
  assert.match(openvpn!.content, /^remote 203\.0\.113\.7 8444 tcp$/m);
  assert.ok(script!.content.includes("s/^socks-proxy 127.0.0.1 11050 /"));
  assert.equal(spawnSync("/bin/sh", ["-n"], { input: script!.content }).status, 0);
  const windows = stealthObfs4Files({ ...input, system: "windows", bridge: BRIDGE });
  assert.equal(windows[2]!.name, "london1-obfs4.ps1");
});

test("nothing breaks out of its line", () => {
  assert.throws(() => stealthTlsFiles({ ...input, host: "a\nexec = sh" }), RangeError);
  assert.throws(() => stealthTlsFiles({ ...input, serverName: "a b" }), RangeError);
  assert.throws(() => stealthTlsFiles({ ...input, port: 0 }), RangeError);
  assert.throws(() => stealthTlsFiles({ ...input, name: "$(id)" }), RangeError);
  for (const bridge of ["", "cert=short;iat-mode=0", `${BRIDGE}\n`, `${BRIDGE};exec=sh`])
    assert.throws(() => stealthObfs4Files({ ...input, bridge }), RangeError);
});

test("the real stunnel takes every line, for every system but Windows", (t) => {
  const stunnel = findProgram("stunnel4");
  if (stunnel === undefined) return t.skip(skipFor("stunnel4 is not installed"));
  const folder = mkdtempSync(join(tmpdir(), "lethe-stealth-"));
  try {
    for (const system of SYSTEMS.filter((each) => each !== "windows")) {
      const [conf] = stealthTlsFiles({ ...input, system });
      writeFileSync(join(folder, conf!.name), conf!.content);
      const { stderr } = spawnSync(stunnel, [conf!.name], { cwd: folder, encoding: "utf8" });
      // The authority is the one thing that is missing, on purpose.
      assert.match(stderr, /No trusted certificates found/);
      assert.doesNotMatch(stderr, /Specified option name is not valid|Inappropriate|is obsolete/i);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the real openvpn takes every line of what goes with them, for every system but Windows", (t) => {
  const openvpn = findProgram("openvpn");
  if (openvpn === undefined) return t.skip(skipFor("openvpn is not installed"));
  const { stdout: tlsCrypt } = spawnSync(openvpn, ["--genkey", "tls-crypt"], { encoding: "utf8" });
  const said = (files: readonly { name: string; content: string }[], more = ""): string => {
    const folder = mkdtempSync(join(tmpdir(), "lethe-stealth-"));
    try {
      for (const { name, content } of files) writeFileSync(join(folder, name), content, { mode: 0o600 });
      const { name, content } = files.find((file) => /^remote /m.test(file.content))!;
      writeFileSync(join(folder, name), `${content}${more}`);
      writeFileSync(join(folder, "login"), "name\npassword\n", { mode: 0o600 });
      const argv = ["--config", name, "--auth-user-pass", "login", "--dev", "null"];
      return spawnSync(openvpn, argv, { cwd: folder, encoding: "utf8", timeout: 20_000 }).stdout;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  // It reads all of its options, then the authority, which is none, on purpose.
  const wrong = /Options error|Unrecognized option(?!.*block-outside-dns)/;
  const at = { ...input, tlsCrypt };
  for (const system of SYSTEMS.filter((each) => each !== "windows"))
    for (const guarded of system === "linux" ? [false, true] : [false])
      for (const files of [
        stealthTlsFiles({ ...at, system, guarded }),
        stealthObfs4Files({ ...at, system, guarded, bridge: BRIDGE }),
      ]) {
        const output = said(files);
        assert.match(output, /Cannot load CA certificate file/, `${system}: ${output}`);
        assert.doesNotMatch(output, wrong, system);
      }
  assert.match(said(stealthTlsFiles(at), "no-such-option\n"), wrong, "control");
});
