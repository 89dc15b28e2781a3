import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { skipFor } from "../src/lib/testing.ts";

/**
 * The policy that keeps daemons from starting while packages are installed. Each case has a /usr/sbin of its own: an overlay in a
 * mount namespace of its own.
 */
const OVERLAY = `mount -t tmpfs tmpfs "$1" && mkdir "$1/up" "$1/work" &&
mount -t overlay overlay -o "lowerdir=/usr/sbin,upperdir=$1/up,workdir=$1/work" /usr/sbin || exit 77
rm -f /usr/sbin/policy-rc.d /usr/sbin/policy-rc.d.before-lethe
`;
/** Asks for a package that is there already. */
const NOTHING_TO_DO = `"$2" --no-warnings -e 'import("./scripts/debian-packages.mjs").then((part) => part.installDebianPackages(["dpkg"]))'
`;
const LEFT = `printf '#!/bin/sh\\n# of Lethe, while it installs packages\\nexit 101\\n' > /usr/sbin/policy-rc.d\n`;
const SHOW = `cat /usr/sbin/policy-rc.d* 2> /dev/null || echo none`;

function inOwnFolder(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "lethe-policy-"));
  const words = ["-m", "--propagation", "private", "sh", "-c", OVERLAY + script, "sh", folder];
  try {
    return spawnSync("unshare", [...words, process.execPath], { encoding: "utf8", timeout: 30_000 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const possible = process.getuid?.() === 0 && inOwnFolder("dpkg-query --version").status === 0;
const skip = skipFor(!possible && "needs root, overlay mounts and dpkg");

test("what a killed run has left of the policy goes at the next, also where nothing is to be installed", {
  skip,
}, () => {
  assert.equal(inOwnFolder(LEFT + NOTHING_TO_DO + SHOW).stdout, "none\n");
  const aside = `${LEFT}echo operators > /usr/sbin/policy-rc.d.before-lethe\n`;
  assert.equal(inOwnFolder(aside + NOTHING_TO_DO + SHOW).stdout, "operators\n");
});

test("the operator's own policy stays", { skip }, () => {
  const own = "echo operators > /usr/sbin/policy-rc.d\n";
  assert.equal(inOwnFolder(own + NOTHING_TO_DO + SHOW).stdout, "operators\n");
});

test("whatever an installed package of ours would start at boot is known, and so is disabled when we install it", {
  skip,
}, async () => {
  const scripts = new URL("../scripts/", import.meta.url);
  const { UNITS } = (await import(new URL("debian-packages.mjs", scripts).href)) as {
    UNITS: Record<string, string[]>;
  };
  const setup = readFileSync(new URL("setup.mjs", scripts), "utf8");
  const lists = [...setup.matchAll(/^const (?:RUN|TEST|FLEET|TUNNELS|PEERS) = \[([^\]]*)\];$/gm)];
  const names = lists.flatMap(([, list]) => [...list!.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name!));
  assert.ok(lists.length === 5 && names.includes("nats-server"));
  let found = 0;
  for (const name of names) {
    const { stdout } = spawnSync("dpkg", ["-L", name], { encoding: "utf8" });
    const units = stdout.split("\n").filter((path) => /\/systemd\/system\/[^/@]+\.service$/.test(path));
    for (const path of units) {
      // systemd itself is Debian's, and runs already where it matters.
      if (name === "systemd" || !/^WantedBy=.*multi-user\.target/m.test(readFileSync(path, "utf8"))) continue;
      found += 1;
      assert.ok(UNITS[name]?.includes(basename(path)), `${name} starts ${basename(path)} at boot`);
    }
  }
  assert.ok(found > 0, "none of the packages is installed");
});
