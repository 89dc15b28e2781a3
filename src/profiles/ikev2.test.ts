import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { skipFor } from "../lib/testing.ts";
import { mobileconfig } from "./mobileconfig.ts";
import { sswanProfile } from "./sswan.ts";
import { windowsScript } from "./windows.ts";

const ca = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----\n";
const input = {
  title: "london1 (O'Neill & <Sons>)",
  host: "203.0.113.7",
  serverName: "london1.exits.lethe.internal",
  ca,
};

test("the strongSwan app's file is JSON with the authority, the resolver and no way past the tunnel", () => {
  const profile = JSON.parse(sswanProfile({ ...input, level: "ads" }));
  assert.equal(profile.type, "ikev2-eap");
  assert.deepEqual([profile.remote.addr, profile.remote.id], [input.host, input.serverName]);
  assert.equal(profile.remote.cert, "MIIBAAAA");
  assert.deepEqual(profile["split-tunneling"], { "block-ipv4": true, "block-ipv6": true });
  assert.equal(profile["dns-servers"][0], "10.66.255.2");
  assert.match(profile.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(sswanProfile(input), sswanProfile(input), "fetched again it is the same profile");
});

const PYTHON = "/usr/bin/python3";
test("Apple's file is a property list with both payloads", {
  skip: skipFor(!existsSync(PYTHON) && "python3 is not installed"),
}, () => {
  const read =
    "import plistlib,sys,json,base64;print(json.dumps(plistlib.loads(sys.stdin.buffer.read()),default=lambda b:base64.b64encode(b).decode()))";
  const profile = JSON.parse(execFileSync(PYTHON, ["-c", read], { input: mobileconfig(input) }).toString());
  const [authority, vpn] = profile.PayloadContent;
  assert.equal(authority.PayloadContent, "MIIBAAAA");
  assert.equal(vpn.UserDefinedName, input.title);
  assert.equal(vpn.IKEv2.RemoteIdentifier, input.serverName);
  assert.equal(vpn.IKEv2.IncludeAllNetworks, 1);
  assert.deepEqual(vpn.IKEv2.OnDemandRules, [{ Action: "Connect" }]);
  assert.deepEqual(vpn.DNS.ServerAddresses, ["10.66.255.1", "fd6c:6574:6865:ffff::1"]);
});

test("the script for Windows takes the authority away with the last connection that needs it, by what it was set up with", () => {
  const script = windowsScript(input);
  // SHA-1 of the four bytes that the authority is here.
  const id = createHash("sha1").update(Buffer.from("MIIBAAAA", "base64")).digest("hex").toUpperCase();
  assert.ok(script.includes(`$authorityId = '${id}'`));
  assert.match(script, /^Add-DnsClientNrptRule .* -Comment \$group -DisplayName \$authorityId\r$/m);
  const [before, removal = ""] = script.split("if ($Remove) {");
  const goes = removal.slice(0, removal.indexOf("  exit\r\n"));
  // Its own rule is gone by then: what is found is another connection's.
  assert.match(before!, /\$_\.Comment -eq \$group \} \| Remove-DnsClientNrptRule -Force/);
  assert.match(
    goes,
    /if \(Get-DnsClientNrptRule \| Where-Object \{ \$_\.DisplayName -eq \$authorityId \}\) \{[^{}]*\} else \{\s+Get-ChildItem Cert:\\LocalMachine\\Root \| Where-Object \{ \$_\.Thumbprint -eq \$authorityId \} \| Remove-Item\s+\}/,
  );
  const other = windowsScript({ ...input, ca: input.ca.replace("AAAA", "BBBB") });
  assert.ok(!other.includes(id), "another provider's authority is another one");
});

test("in the script for Windows nothing of a name is read as a command", () => {
  const script = windowsScript({ ...input, title: "a'; Remove-Item C:\\ #" });
  assert.match(script, /\$name = 'a''; Remove-Item C:\\ #'\r\n/);
  assert.match(script, /\$address = '203\.0\.113\.7'/);
  assert.equal(script.split("\r\n").length, script.split("\n").length, "every line ends as Windows ends it");
});
