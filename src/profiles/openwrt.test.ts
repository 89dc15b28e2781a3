import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openwrtScript } from "./openwrt.ts";

/** OpenWrt's `uci`, as far as the script uses it: options in a file, one a line; a list's values apart by blanks. */
const UCI = `#!/bin/sh
store=$ROOT/uci
put() { { grep -v "^$1=" "$store" || true; echo "$1=$2"; } >"$store.new"; mv "$store.new" "$store"; }
get() { sed -n "s/^$1=//p" "$store" | sed "s/\\\\[/[/" ; }
line() {
  case $1 in
    set) k=$(echo "$2" | cut -d= -f1 | sed 's/[][@]/_/g'); put "$k" "$(echo "$2" | cut -d= -f2-)" ;;
    add_list) k=$(echo "$2" | cut -d= -f1 | sed 's/[][@]/_/g'); put "$k" "$(get "$k") $(echo "$2" | cut -d= -f2-)" ;;
    get) k=$(echo "$2" | sed 's/[][@]/_/g'); v=$(get "$k"); [ -n "$v" ] && echo "$v" ;;
    delete) k=$(echo "$2" | sed 's/[][@]/_/g'); grep -q "^$k[.=]" "$store" || return 1; grep -v "^$k[.=]" "$store" >"$store.new" || true; mv "$store.new" "$store" ;;
    del_list) k=$(echo "$2" | cut -d= -f1 | sed 's/[][@]/_/g'); v=$(get "$k" | sed "s/ $(echo "$2" | cut -d= -f2-)//"); put "$k" "$v" ;;
    commit) ;;
    *) exit 9 ;;
  esac
}
[ "$1" != -q ] || shift
if [ "$1" = batch ]; then while read -r verb rest; do line "$verb" "$rest"; done; else line "$@"; fi
`;

/** A router's files below a folder: the script's own absolute paths are put there. */
function router() {
  const root = mkdtempSync(join(tmpdir(), "lethe-openwrt-"));
  const at = (path: string) => join(root, path);
  for (const folder of ["bin", "etc/openvpn", "etc/config", "etc/init.d", "usr/sbin", "work"])
    mkdirSync(at(folder), { recursive: true });
  const program = (path: string, text: string) => {
    writeFileSync(at(path), text);
    chmodSync(at(path), 0o755);
  };
  program("bin/uci", UCI);
  for (const name of ["firewall", "dnsmasq", "openvpn", "network"])
    program(`etc/init.d/${name}`, `#!/bin/sh\necho ${name} $1 >>"$ROOT/restarts"\n`);
  program("bin/ifup", '#!/bin/sh\necho ifup "$1" >>"$ROOT/restarts"\n');
  program("usr/sbin/openvpn", "#!/bin/sh\n");
  writeFileSync(
    at("uci"),
    "firewall._forwarding_0_.src=guest\nfirewall._forwarding_0_.dest=wan\nfirewall._forwarding_1_.src=lan\nfirewall._forwarding_1_.dest=wan\n",
  );
  writeFileSync(
    at("work/setup.sh"),
    openwrtScript("ads").replaceAll("/etc/", `${root}/etc/`).replaceAll("/usr/sbin/", `${root}/usr/sbin/`),
  );
  writeFileSync(at("work/london1.ovpn"), "client\n");
  const run = (...args: string[]) =>
    spawnSync("sh", ["setup.sh", ...args], {
      cwd: at("work"),
      input: "abcdefghijkl\nVPN password\n",
      encoding: "utf8",
      env: { PATH: `${at("bin")}:${process.env.PATH}`, ROOT: root },
    });
  return {
    at,
    run,
    read: (path: string) => readFileSync(at(path), "utf8"),
    close: () => rmSync(root, { recursive: true }),
  };
}

test("a router is set up so that the home network goes into the tunnel or nowhere, and put back", () => {
  const { at, run, read, close } = router();
  try {
    const before = read("uci");
    const made = run("london1");
    assert.equal(made.status, 0, made.stderr);
    assert.equal(read("etc/openvpn/lethe.auth"), "abcdefghijkl\nVPN password\n");
    assert.equal(statSync(at("etc/openvpn/lethe.auth")).mode & 0o077, 0);
    assert.equal(read("etc/openvpn/lethe.ovpn"), "client\n");
    const settings = read("uci").split("\n");
    for (const line of [
      "firewall._forwarding_1_.enabled=0",
      "firewall.lethe_lan.src=lan",
      "firewall.lethe_lan.dest=lethe",
      "openvpn.lethe.enabled=1",
      "dhcp._dnsmasq_0_.noresolv=1",
      "dhcp._dnsmasq_0_.server= 10.66.255.2",
    ])
      assert.ok(settings.includes(line), line);
    assert.ok(
      !settings.some((line) => line.startsWith("firewall._forwarding_0_.enabled")),
      "guests are not ours",
    );
    assert.equal(read("restarts"), "firewall restart\ndnsmasq restart\nopenvpn restart\n");

    // Twice is as once; and back.
    assert.equal(run("london1").status, 0);
    assert.equal(
      read("uci").match(/^dhcp\._dnsmasq_0_\.server=.*$/m)?.[0],
      "dhcp._dnsmasq_0_.server= 10.66.255.2",
    );
    assert.equal(run("off").status, 0);
    const left = read("uci")
      .split("\n")
      .filter((line) => !before.includes(line));
    assert.deepEqual(
      left.filter((line) => !/^dhcp\._dnsmasq_0_\.server=$/.test(line) && !line.startsWith("lethe.")),
      ["firewall._forwarding_1_.enabled=1"],
    );
    assert.ok(!existsSync(at("etc/openvpn/lethe.auth")));
  } finally {
    close();
  }
});

test("where OpenVPN's package has no service any more it is an interface of the network", () => {
  const { at, run, read, close } = router();
  try {
    rmSync(at("etc/init.d/openvpn"));
    const before = read("uci");
    assert.equal(run("london1").status, 0);
    const settings = read("uci").split("\n");
    for (const line of [
      "network.lethe=interface",
      "network.lethe.proto=openvpn",
      `network.lethe.config=${at("etc/openvpn/lethe.ovpn")}`,
      "firewall._forwarding_1_.enabled=0",
    ])
      assert.ok(settings.includes(line), line);
    assert.ok(!settings.some((line) => line.startsWith("openvpn.")));
    assert.equal(read("restarts"), "firewall restart\ndnsmasq restart\nnetwork reload\nifup lethe\n");
    assert.equal(run("off").status, 0);
    const left = read("uci").split("\n");
    assert.ok(!left.some((line) => line.startsWith("network.lethe") && !before.includes(line)));
    assert.match(
      read("restarts"),
      /network reload\nifup lethe\n(?:firewall|dnsmasq) (?:.*\n)*network reload\n$/,
    );
  } finally {
    close();
  }
});

test("it says what is missing, and changes nothing then", () => {
  const { at, run, read, close } = router();
  try {
    const before = read("uci");
    for (const [args, text] of [
      [[], /say which server/],
      [["oslo1"], /there is no oslo1\.ovpn/],
      [["a b"], /not a server's name/],
    ] as const) {
      const made = run(...args);
      assert.notEqual(made.status, 0);
      assert.match(made.stderr, text);
    }
    rmSync(at("usr/sbin/openvpn"));
    assert.match(run("london1").stderr, /OpenVPN is missing/);
    assert.equal(read("uci"), before);
  } finally {
    close();
  }
});
