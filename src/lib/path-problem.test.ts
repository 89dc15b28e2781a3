import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isOpenToAll, pathProblem } from "./path-problem.ts";
import { skipFor } from "./testing.ts";

const NOBODY = { uid: 65_534, gid: 65_534 };
const folder = mkdtempSync(join(tmpdir(), "lethe-path-"));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, mode: number): string => {
  const path = join(folder, name);
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
};

test("a path that can be used is no problem; what is wrong with another one is said", () => {
  const [plain, program, missing] = [file("plain", 0o600), file("program", 0o700), join(folder, "missing")];
  assert.equal(pathProblem(plain), undefined);
  assert.equal(pathProblem(program, "program"), undefined);
  assert.equal(pathProblem(folder, "folder"), undefined);
  assert.equal(pathProblem(missing), "cannot be read: it does not exist");
  assert.equal(
    pathProblem(join(plain, "below")),
    "cannot be read: a part of that path is a file, not a folder",
  );
  assert.equal(pathProblem(folder), "cannot be read: a folder stands where a file should");
  assert.equal(pathProblem(plain, "folder"), "cannot be read: a file stands where a folder should");
  assert.equal(pathProblem(plain, "program"), "cannot be run: this user may not use it");
  assert.equal(pathProblem("/dev/null"), "cannot be read: it is no ordinary file");
  symlinkSync("loop", join(folder, "loop"));
  assert.equal(pathProblem(join(folder, "loop")), "cannot be read: it is a link that leads to itself");
});

test("what this process may read is looked at with the eyes of who is to read it", {
  skip: skipFor(process.getuid!() !== 0 && "needs root"),
}, () => {
  const by = { called: "the office's user", ids: NOBODY };
  const open = file("open", 0o644);
  assert.equal(pathProblem(open, "file", by), undefined);
  assert.equal(
    pathProblem(file("shut", 0o600), "file", by),
    "cannot be read: the office's user may not use it",
  );
  assert.equal(
    pathProblem(file("tool", 0o744), "program", by),
    "cannot be run: the office's user may not use it",
  );
  chmodSync(folder, 0o700);
  assert.equal(pathProblem(open, "file", by), "cannot be read: the office's user may not use it");
  chmodSync(folder, 0o755);
});

test("a file is open to all where its mode and every folder on the way let them through", () => {
  const open = file("for-all", 0o644);
  assert.equal(isOpenToAll(open), true);
  assert.equal(isOpenToAll(file("for-the-group", 0o640)), false);
  const inner = join(folder, "inner");
  mkdirSync(inner);
  symlinkSync(open, join(inner, "link"));
  writeFileSync(join(inner, "secret"), "");
  chmodSync(join(inner, "secret"), 0o644);
  assert.equal(isOpenToAll(join(inner, "secret")), true);
  chmodSync(inner, 0o700);
  assert.equal(isOpenToAll(join(inner, "secret")), false);
  assert.equal(isOpenToAll(join(inner, "link")), true, "the link is shut off, the file is not");
});
