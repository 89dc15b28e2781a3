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
  provider: "a",
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

test("profiles of two providers whose servers have one name stand beside each other", () => {
  const other = { ...input, provider: "b" };
  const id = (text: string) =>
    /<key>PayloadIdentifier<\/key>\n<string>([^<]+)<\/string>\n(?=<key>PayloadUUID)/g.exec(text)?.[1];
  assert.equal(
    id(mobileconfig(input)),
    id(mobileconfig({ ...input, title: "renamed", host: "203.0.113.8" })),
  );
  assert.notEqual(id(mobileconfig(input)), id(mobileconfig(other)));
  const uuids = (text: string) =>
    new Set(text.match(/[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/g));
  for (const make of [mobileconfig, sswanProfile])
    assert.deepEqual(uuids(make(input)).intersection(uuids(make(other))).size, 0);
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
  // Apple's schema calls it required (com.apple.vpn.managed.yaml).
  assert.equal(vpn.DNS.DNSProtocol, "Cleartext");
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

test("the script for Windows takes IPv6 into the tunnel, or blocks it, with the kill switch and without", () => {
  const script = windowsScript(input);
  assert.match(
    script,
    /'::\/1', '8000::\/1'\) \{ Add-VpnConnectionRoute -ConnectionName \$name -DestinationPrefix \$half \}/,
  );
  const [always, killSwitch = ""] = script.split("if ($KillSwitch) {");
  const rules = (part: string) =>
    part
      .split("\r\n")
      .filter((line) => /^ *New-NetFirewallRule .* -Direction Outbound -Action Block /.test(line));
  assert.deepEqual(
    rules(always!).map((line) =>
      / -(?:InterfaceType \$kind|LocalAddress '2000::\/3') -RemoteAddress '2000::\/3' /.test(line),
    ),
    [true, true],
  );
  // By the kind of network, and whatever it is: from no address but the tunnel's.
  const [byKind, other, ...more] = rules(killSwitch);
  assert.match(byKind!, / -InterfaceType \$kind -RemoteAddress \$outside /);
  assert.match(
    other!,
    / -LocalAddress '1\.0\.0\.0-10\.66\.127\.255', '10\.66\.192\.0-126\.255\.255\.255', '128\.0\.0\.0-223\.255\.255\.255' -RemoteAddress \$outside /,
  );
  assert.deepEqual(more, []);
});

test("the script for Windows bears the mark of UTF-8, and its connection a name that Windows takes", () => {
  // Without the mark Windows PowerShell reads the second byte of «Б» as a quote that ends the string.
  const script = windowsScript({ ...input, title: "london1 (Бета: a/b*c|d?)" });
  assert.equal(script.indexOf("\uFEFF#Requires"), 0);
  assert.match(script, /\$name = 'london1 \(Бета- a-b-c-d-\)'\r\n/);
});

test("in the script for Windows nothing of a name is read as a command", () => {
  const script = windowsScript({ ...input, title: "a'; Remove-Item C:\\ #" });
  assert.match(script, /\$name = 'a''; Remove-Item C-- #'\r\n/);
  assert.match(script, /\$address = '203\.0\.113\.7'/);
  assert.equal(script.split("\r\n").length, script.split("\n").length, "every line ends as Windows ends it");
});
