import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildExitBundle } from "./exit-bundle.ts";

/** What an exit runs beside our own code. A new name here is code on every exit: a decision (docs/dependencies.md). */
const ALLOWED = [
  "@nats-io/nats-core",
  "@nats-io/nkeys",
  "@nats-io/nuid",
  "@nats-io/transport-node",
  "tweetnacl",
  "zod",
];

const bundle = buildExitBundle();
const text = Buffer.from(bundle.bytes).toString();

test("the bundle has no package inside but those on the list", () => {
  assert.ok(bundle.packages.includes("zod"));
  assert.deepEqual(
    bundle.packages.filter((name) => !ALLOWED.includes(name)),
    [],
  );
});

test("the same sources make the same bytes, and nothing of this machine stands in them", () => {
  assert.deepEqual(buildExitBundle().bytes, bundle.bytes);
  assert.equal(bundle.sha256, createHash("sha256").update(bundle.bytes).digest("hex"));
  assert.ok(!text.includes(process.cwd()));
});

test("the exit's code stands in the bundle, and none of the office's: no store, no accounts, no page", () => {
  const rooms = new Set([...text.matchAll(/^ *\/\/ src\/([a-z]+)\//gm)].map(([, room]) => room));
  assert.deepEqual([...rooms].sort(), ["certificates", "exit", "lib", "link"]);
});

test("the bundle runs alone, far from the checkout", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-bundle-"));
  try {
    const file = join(folder, "exit.mjs");
    writeFileSync(file, bundle.bytes);
    const run = spawnSync(process.execPath, [file, "no-such-part"], { cwd: folder, encoding: "utf8" });
    assert.equal(run.status, 64);
    assert.equal(run.stderr, "lethe exit: no such part\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
