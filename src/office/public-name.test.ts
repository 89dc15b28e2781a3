import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "./config.ts";
import { publicName } from "./public-name.ts";

const SITE = `[site]
listen = ["0.0.0.0:443", "0.0.0.0:80"]
url = "https://vpn.example.net"
[tls]
`;
const ACME = `acme = "https://ca.example.net/directory"\nnames = ["vpn.example.net", "www.example.net"]\n`;

test("a server has a certificate for its own whole name, and never for one of the site's", () => {
  const config = parseConfig(`${SITE}${ACME}exits = true`, "lethe.toml");
  assert.deepEqual(publicName(config, "London1.example.net"), { name: "london1.example.net" });
  for (const host of ["vpn.example.net", "WWW.example.net"])
    assert.deepEqual(publicName(config, host), { without: "site" });
  for (const host of [
    ...["203.0.113.7", "2001:db8::1", "london1", "a_b.example.net", "*.example.net", "-a.example.net"],
    ...["exit1.exits.lethe.internal", "london1.local", "1.2.3", "", "a..b", "london1.example.net."],
  ])
    assert.deepEqual(publicName(config, host), { without: "no-name" }, host);
  const files = parseConfig(`${SITE}${ACME}exits = "files"`, "lethe.toml");
  assert.deepEqual(publicName(files, "london1.example.net"), { name: "london1.example.net" });
  const off = parseConfig(`${SITE}${ACME}`, "lethe.toml");
  assert.deepEqual(publicName(off, "london1.example.net"), { without: "off" });
});

test("exits' certificates need an authority to order them from", () => {
  assert.throws(
    () => parseConfig("[tls]\nexits = true", "lethe.toml"),
    /^ConfigError: lethe.toml:2: tls.exits: .* tls.acme/,
  );
  const files = parseConfig('[tls]\nexits = "files"', "lethe.toml");
  assert.deepEqual(publicName(files, "london1.example.net"), { name: "london1.example.net" });
  assert.throws(
    () => parseConfig('[tls]\nexits = "acme"', "lethe.toml"),
    /^ConfigError: lethe.toml:2: tls.exits must be true, false or "files"/,
  );
});
