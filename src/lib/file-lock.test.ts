import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { holdFile } from "./file-lock.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("one holds a file until it lets go, and may say so twice", () => {
  const first = holdFile(path);
  assert.ok(first);
  assert.equal(holdFile(path), undefined);
  first.release();
  const second = holdFile(path);
  assert.ok(second);
  first.release();
  assert.equal(holdFile(path), undefined);
  second.release();
  assert.equal(statSync(path).size, 0, "nothing is written");
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a file is held though nobody keeps the answer", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const takeAndForget = () => holdFile(path) !== undefined;
  assert.equal(takeAndForget(), true);
  for (let i = 0; i < 3; i++) {
    await setTimeout(5);
    collect();
  }
  assert.equal(holdFile(path), undefined);
});

test("a folder that is not there is the file system's error", () => {
  assert.throws(() => holdFile(join(folder, "none", "lock")), { code: "ENOENT" });
});
