import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import type { Door } from "./doors.ts";
import { stunnelConfiguration } from "./stunnel.ts";

const door = (accept: Door["accept"]): Door => ({
  engine: "stealth-tls",
  service: "stealth-tls",
  listen: { address: "0.0.0.0", port: 443 },
  accept,
  to: { address: "127.0.0.1", port: 443 },
});
const place = {
  folder: "/var/lib/lethe/exit",
  runAs: { user: "lethe-vpn", group: "lethe-vpn" },
};

test("what stunnel is told, line by line: nothing in it writes", () => {
  const shared = { address: "127.0.0.1", port: 11_440 };
  assert.equal(
    stunnelConfiguration([door(shared), door(shared), door({ address: "::", port: 4443 })], place),
    `; Written by Lethe from the roster; changes are overwritten.
foreground = quiet
pid =
syslog = no
debug = emerg
libwrap = no
setuid = lethe-vpn
setgid = lethe-vpn
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
cert = /var/lib/lethe/exit/tls.crt
key = /var/lib/lethe/exit/tls.key
sslVersionMin = TLSv1.3
TIMEOUTbusy = 30
TIMEOUTconnect = 10
TIMEOUTidle = 120
TIMEOUTclose = 0

[door-0]
accept = 127.0.0.1:11440
connect = 127.0.0.1:443

[door-1]
accept = :::4443
connect = 127.0.0.1:443
`,
  );
  assert.throws(() => stunnelConfiguration([door(shared)], { ...place, folder: "/a\nexec = /bin/sh" }));
});

test("stunnel takes every option, and fails for the certificate alone", (t) => {
  const stunnel = findProgram("stunnel4");
  if (stunnel === undefined) return t.skip(skipFor("stunnel4 is not installed"));
  const text = stunnelConfiguration([door({ address: "127.0.0.1", port: 1 })], {
    folder: "/nonexistent",
    runAs: undefined,
  });
  const { status, stderr } = spawnSync(stunnel, ["-fd", "0"], {
    input: text.replace("foreground = quiet", "foreground = yes").replace("debug = emerg", "debug = err"),
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /Loading certificate from file: \/nonexistent\/tls\.crt.*No such file/s);
  assert.doesNotMatch(stderr, /Inappropriate|not valid|unknown|is obsolete/i);
});
