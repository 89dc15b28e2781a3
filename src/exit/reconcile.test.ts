import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findProgram } from "../lib/run-command.ts";
import { skipFor } from "../lib/testing.ts";
import { NetworkLock } from "./network-lock.ts";

const ip = findProgram("ip");
const missing =
  process.getuid!() !== 0 ? "network namespaces need root" : ip === undefined && "not installed: ip";
const skip = skipFor(missing);
const fixture = fileURLToPath(new URL("reconcile.fixture.ts", import.meta.url));

let count = 0;

/** A network with WireGuard's device in it, of the kernel's kind (no tun device: any other will do). */
function network(t: TestContext): {
  name: string;
  has: () => boolean;
  live: (verb: string) => Promise<unknown>;
} {
  const name = `lrc-${process.pid % 100_000}-${++count}`;
  const folder = mkdtempSync(join(tmpdir(), "lethe-reconcile-"));
  const run = (...words: string[]): string => execFileSync(ip!, words, { encoding: "utf8" });
  run("netns", "add", name);
  t.after(() => {
    run("netns", "delete", name);
    rmSync(folder, { recursive: true });
  });
  run("-n", name, "link", "add", "lethe-wg0", "type", "veth", "peer", "name", "other");
  return {
    name,
    has: () => run("-n", name, "-brief", "link", "show").includes("lethe-wg0"),
    live: (verb) =>
      promisify(execFile)(ip!, ["netns", "exec", name, process.execPath, fixture, verb, folder], {
        timeout: 30_000,
      }),
  };
}

for (const verb of ["no-settings", "nothing-offered"]) {
  test(`WireGuard in the kernel, left by an earlier life, ends with the engines: ${verb}`, {
    skip,
  }, async (t) => {
    const { has, live } = network(t);
    assert.ok(has());
    await live(verb);
    assert.ok(!has());
  });

  test(`another exit's in the same network goes on: ${verb}`, { skip }, async (t) => {
    const { name, has, live } = network(t);
    const other = new NetworkLock(undefined, statSync(`/run/netns/${name}`).ino);
    t.after(() => other.release());
    assert.ok(await other.take(0));
    await live(verb);
    assert.ok(has());
  });
}
