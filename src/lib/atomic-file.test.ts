import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ensureSecret, writeFileAtomic } from "./atomic-file.ts";

describe("a file written whole or not at all", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lethe-atomic-"));
    path = join(folder, "secret");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is private, and leaves nothing beside it", () => {
    writeFileAtomic(path, "first");
    writeFileAtomic(path, "second");
    assert.equal(readFileSync(path, "utf8"), "second");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ["secret"]);
  });

  it("is written although a process of the same number was killed half-way through it", () => {
    // In a container every start gives the same numbers.
    writeFileSync(`${path}.${process.pid}.new`, "half a sec");
    assert.equal(ensureSecret(path, () => "the secret").toString(), "the secret");
    assert.deepEqual(readdirSync(folder), ["secret"]);
  });

  it("follows no link that stands where it is written", () => {
    const other = join(folder, "other");
    writeFileSync(other, "untouched");
    symlinkSync(other, `${path}.${process.pid}.new`);
    writeFileAtomic(path, "mine");
    assert.equal(readFileSync(other, "utf8"), "untouched");
    assert.equal(readFileSync(path, "utf8"), "mine");
  });
});
