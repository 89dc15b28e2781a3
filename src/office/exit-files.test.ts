import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ExitFiles } from "./exit-files.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const runtime = Buffer.alloc(3_000_000, "a runtime ").fill(0, 5, 9);

function filesOf(bundle = "the bundle", name = "cache/exit") {
  writeFileSync(join(folder, "node"), runtime);
  utimesSync(join(folder, "node"), 1, 1);
  const bytes = Buffer.from(bundle);
  return new ExitFiles({
    folder: join(folder, name),
    site: "https://vpn.example.net",
    siteTag: "0badc0de",
    material: {
      bundle: { bytes, sha256: sha256(bytes), packages: [] },
      runtimes: { x64: openSync(join(folder, "node"), "r") },
    },
  });
}

test("each file is served under its hash, and the script in the line names the others by theirs", async () => {
  const files = filesOf();
  const ready = await files.ready();
  for (const { path, bytes, sha256: hash } of [ready.join, ready.bundle, ready.runtimes.x64!]) {
    const served = files.serve(path)!;
    const content = readFileSync(served.file);
    assert.equal(sha256(content), hash);
    assert.deepEqual([content.length, served.bytes], [bytes, bytes]);
  }
  assert.deepEqual(gunzipSync(readFileSync(files.serve(ready.runtimes.x64!.path)!.file)), runtime);
  const script = readFileSync(files.serve(ready.join.path)!.file, "utf8");
  assert.ok(script.includes(ready.bundle.sha256) && script.includes(ready.runtimes.x64!.sha256));
  assert.ok((await files.line("london1.abcdefgh.qqqqqqqqqqqqqqqqqqqqqqqqqq")).includes(ready.join.sha256));
  const { bundle, runtimes } = await files.release();
  assert.deepEqual(bundle, { sha256: ready.bundle.sha256, bytes: ready.bundle.bytes });
  assert.deepEqual(Object.keys(runtimes), ["x64"]);
});

test("the same sources are the same files on another office, and a second start packs nothing again", async () => {
  const one = await filesOf().ready();
  assert.deepEqual(await filesOf("the bundle", "other").ready(), one);
  const packed = join(folder, "cache", one.runtimes.x64!.path);
  utimesSync(packed, 2, 2);
  assert.deepEqual(await filesOf().ready(), one);
});

test("an exit reads a file piece by piece, and no other file of the office's", async () => {
  const files = filesOf("b".repeat(1_500_000));
  const { bundle, join: script } = await files.ready();
  assert.equal(files.read(bundle.sha256, 0)!.length, 1_000_000);
  assert.equal(files.read(bundle.sha256, 1_000_000)!.length, 500_000);
  assert.equal(files.read(bundle.sha256, 1_500_000)!.length, 0);
  assert.equal(files.read(bundle.sha256, 9_000_000)!.length, 0);
  assert.equal(files.read("0".repeat(64), 0), undefined);
  assert.equal(files.read(script.sha256, 0), undefined);
  for (const path of [
    "/exit/",
    "/exit/../node-x64.json",
    "/exit/node-x64.json",
    `/exit/bundle-${"0".repeat(64)}.mjs`,
    "/exit/%2e%2e",
  ])
    assert.equal(files.serve(path), undefined, path);
});

test("files of earlier versions stay for a week, so that a line already printed still works", async () => {
  const old = filesOf("old");
  const before = await old.ready();
  const file = old.serve(before.bundle.path)!.file;
  await filesOf("new").ready();
  assert.ok(existsSync(file));
  const longAgo = Date.now() / 1000 - 8 * 86_400;
  utimesSync(file, longAgo, longAgo);
  await filesOf("newer").ready();
  assert.ok(!existsSync(file));
  assert.equal(old.serve(before.bundle.path), undefined);
});
