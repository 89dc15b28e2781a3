import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { joinLine, joinScript } from "./join-script.ts";

const file = (name: string) => ({ path: `/exit/${name}`, sha256: "a".repeat(64), bytes: 1 });
const files = {
  site: "https://vpn.example.net",
  siteTag: "0badc0de",
  bundle: file("bundle.mjs"),
  runtimes: { x64: file("node.gz") },
};
const code = `london1.abcdefgh.${"q".repeat(26)}`;
const line = joinLine({ site: files.site, join: file("join.sh"), code });

test("script and line are POSIX sh, whatever the runtimes", () => {
  const both = { x64: file("x.gz"), arm64: file("arm.gz") };
  for (const text of [joinScript(files), joinScript({ ...files, runtimes: both }), line]) {
    const { status, stderr } = spawnSync("/bin/dash", ["-n"], { input: text, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }
  assert.match(joinScript({ ...files, runtimes: both }), /serves the runtime for x86_64 and aarch64 only/);
});

test("the script does nothing where its end is missing", () => {
  const half = joinScript(files).replace(/\nmain\n$/, "\n");
  const { status, stdout, stderr } = spawnSync("/bin/dash", [], {
    input: half,
    encoding: "utf8",
    env: { PATH: "/nonexistent" },
  });
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});

test("what a package would start at boot is disabled by its own unit's name, where the package is new", async () => {
  const path = new URL("../../scripts/debian-packages.mjs", import.meta.url);
  const { UNITS } = (await import(path.href)) as { UNITS: Record<string, string[]> };
  const script = joinScript(files);
  const packages = / install_packages curl (.*)$/m.exec(script)?.[1]?.split(" ") ?? [];
  const loop = /^ *for unit in .*\n.*\n *done$/m.exec(script)?.[0];
  const disabled = (missing: string): string[] => {
    const input = `missing=${JSON.stringify(missing)}\nsystemctl() { echo "$3"; }\n${loop}\n`;
    return spawnSync("/bin/dash", [], { input, encoding: "utf8" }).stdout.split("\n").filter(Boolean);
  };
  assert.deepEqual(disabled(" curl charon-systemd gzip"), ["strongswan.service"]);
  assert.deepEqual(disabled(" curl gzip"), []);
  const all = packages.flatMap((name) => UNITS[name] ?? []);
  assert.deepEqual(disabled(` ${packages.join(" ")}`).sort(), all.sort());
  assert.ok(all.length >= 5);
});

test("the line is one line, holds the code once, and that as a word of the shell's own printf", () => {
  assert.ok(!line.includes("\n"));
  assert.equal(line.split(code).length, 2);
  assert.match(line, new RegExp(`printf '%s\\\\n' ${code} \\| sh "\\$f"`));
});

test("the line's exit code is that of what failed, for whoever pastes it by a program", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-join-line-"));
  try {
    // Before ours on the path: a curl that reaches nobody.
    writeFileSync(join(folder, "curl"), "#!/bin/sh\nexit 7\n", { mode: 0o755 });
    const run = spawnSync("/bin/dash", ["-c", line], {
      encoding: "utf8",
      env: { PATH: `${folder}:/usr/bin:/bin`, TMPDIR: folder },
    });
    assert.equal(run.status, 7, run.stderr);
    assert.deepEqual(readdirSync(folder), ["curl"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an address or a code that would be more than a word of sh is refused", () => {
  for (const site of ["https://a;b", "https://a b", "https://a$(b)", "https://a/b", "ftp://a", "https://a'"])
    assert.throws(() => joinScript({ ...files, site }), RangeError, site);
  assert.throws(() => joinLine({ site: files.site, join: file("join.sh"), code: "a; rm" }), RangeError);
});
