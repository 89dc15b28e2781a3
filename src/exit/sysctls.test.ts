import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Sysctls } from "./sysctls.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-sysctls-"));
  file = join(folder, "before.json");
  mkdirSync(join(folder, "net"));
  writeFileSync(join(folder, "net/forward"), "0\n");
  writeFileSync(join(folder, "net/already"), "1\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (name: string): string => readFileSync(join(folder, name), "utf8").trim();

test("what is set is as it was after a restore, and what was so already is not touched", () => {
  const sysctls = new Sysctls(file, folder);
  assert.ok(sysctls.set("net/forward", "1"));
  assert.ok(sysctls.set("net/already", "1"));
  assert.equal(read("net/forward"), "1");
  writeFileSync(join(folder, "net/already"), "7");
  sysctls.restore();
  assert.equal(read("net/forward"), "0");
  assert.equal(read("net/already"), "7");
  assert.ok(!existsSync(file));
});

test("a later life restores what an earlier one changed, and remembers the first value, not its own", () => {
  new Sysctls(file, folder).set("net/forward", "1");
  const later = new Sysctls(file, folder);
  later.set("net/forward", "2");
  later.restore();
  assert.equal(read("net/forward"), "0");
});

test("a setting that is not there is answered with no", () => {
  const sysctls = new Sysctls(file, folder);
  assert.equal(sysctls.set("net/nothing", "1"), false);
  sysctls.restore();
  assert.ok(!existsSync(join(folder, "net/nothing")));
});
