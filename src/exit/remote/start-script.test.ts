import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipFor } from "../../lib/testing.ts";
import { startScript } from "./start-script.ts";

/**
 * The launcher with releases whose "node" is a line of sh, in a mount namespace with an /opt and a /run of its own. `steps`
 * is run there, with `start` as the launcher. What it prints comes back as lines.
 */
function inOwnRoot(steps: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "lethe-start-"));
  try {
    writeFileSync(join(folder, "start"), startScript());
    const script = `set -eu
      mount --make-rprivate /
      mount -t tmpfs none /opt
      mount -t tmpfs none /run
      code=/opt/lethe-exit
      mkdir -p $code/releases /run/lethe-exit
      cp ${folder}/start $code/start; chmod 755 $code/start
      release() { # name, what its node does
        mkdir -p $code/releases/$1
        printf '#!/bin/sh\\n%s\\n' "$2" > $code/releases/$1/node; chmod 755 $code/releases/$1/node
      }
      point() { ln -sfn releases/$2 $code/$1; }
      start() { $code/start "$@" || echo "code $?"; }
      state() { echo "current $(readlink $code/current) trial $(sed -n 1p $code/trial 2>/dev/null || true) failed $(cat $code/failed 2>/dev/null || true)"; }
      release aaaaaaaaaaaa 'echo old'
      ${steps}`;
    const { stdout, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
    assert.equal(stderr, "");
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.trimEnd());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const skip = skipFor(process.getuid!() !== 0 && "needs root");

test("the launcher is sh that parses, and runs the current release without a word of the environment", {
  skip,
}, () => {
  assert.equal(spawnSync("sh", ["-n"], { input: startScript() }).status, 0);
  const lines = inOwnRoot(`
    release bbbbbbbbbbbb 'env | cut -d= -f1 | sort | grep -v -e PWD -e _ ; ulimit -c; umask; echo "$@"'
    point current bbbbbbbbbbbb
    export SECRET=x; start`);
  assert.deepEqual(lines, [
    "LANG",
    "PATH",
    "TMPDIR",
    "0",
    "0077",
    "--no-warnings --disable-sigusr1 ./current/exit.mjs run",
  ]);
});

test("a release on trial that ends twice at its start is taken back, and named as failed", { skip }, () => {
  const lines = inOwnRoot(`
    release bbbbbbbbbbbb 'echo new; exit 1'
    point previous aaaaaaaaaaaa; point current bbbbbbbbbbbb
    printf '0\\nsocks5\\n' > $code/trial
    start; state; start; state; start; state; start`);
  assert.deepEqual(lines, [
    "new",
    "code 1",
    "current releases/bbbbbbbbbbbb trial 1 failed",
    "new",
    "code 1",
    "current releases/bbbbbbbbbbbb trial 2 failed",
    "old",
    "current releases/aaaaaaaaaaaa trial  failed bbbbbbbbbbbb",
    "old",
  ]);
});

test("a trial given up is taken back at the next start; one that was good is left alone", { skip }, () => {
  const lines = inOwnRoot(`
    release bbbbbbbbbbbb 'echo new'
    point previous aaaaaaaaaaaa; point current bbbbbbbbbbbb
    start; state
    printf '9\\n' > $code/trial
    start; state`);
  assert.deepEqual(lines, [
    "new",
    "current releases/bbbbbbbbbbbb trial  failed",
    "old",
    "current releases/aaaaaaaaaaaa trial  failed bbbbbbbbbbbb",
  ]);
});

test("a power cut between the trial's file and the new link blames nobody, nor does one in the middle of taking back", {
  skip,
}, () => {
  const lines = inOwnRoot(`
    release bbbbbbbbbbbb 'echo new'
    point previous aaaaaaaaaaaa; point current aaaaaaaaaaaa
    printf '9\\n' > $code/trial
    start; state
    rm $code/previous; point current bbbbbbbbbbbb; echo nonsense > $code/trial
    start; state`);
  assert.deepEqual(lines, [
    "old",
    "current releases/aaaaaaaaaaaa trial  failed",
    "new",
    "current releases/bbbbbbbbbbbb trial  failed",
  ]);
});

test("in the foreground a crash is followed by another start, an end by none, and SIGTERM is passed on", {
  skip,
}, () => {
  const lines = inOwnRoot(`
    release bbbbbbbbbbbb '[ -e /opt/again ] && { echo second; exit 0; }; touch /opt/again; echo first; exit 1'
    point current bbbbbbbbbbbb
    start foreground
    release bbbbbbbbbbbb 'trap "echo ended; exit 0" TERM; echo runs; sleep 2 & wait'
    $code/start foreground & launcher=$!
    sleep 0.5; kill -TERM $launcher; wait $launcher; echo "code $?"`);
  assert.deepEqual(lines, ["first", "second", "runs", "ended", "code 0"]);
});
