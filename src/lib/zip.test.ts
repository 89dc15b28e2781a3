import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { findProgram } from "./run-command.ts";
import { skipFor } from "./testing.ts";
import { zipOf } from "./zip.ts";

test("an archive of one file is what the format says, byte by byte", () => {
  // APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16; CRC-32 of "hi": d8932aac.
  assert.equal(
    zipOf([{ name: "a.txt", content: "hi" }]).toString("hex"),
    [
      "504b0304 0a00 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0500 0000 612e747874 6869",
      "504b0102 0a03 0a00 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0500 0000 0000 0000 0000 0000a481 00000000 612e747874",
      "504b0506 0000 0000 0100 0100 33000000 25000000 0000",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
  assert.equal(zipOf([]).length, 22);
});

test("names that could leave the folder, or stand twice, are refused", () => {
  for (const name of ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", ".ssh", "é", "a\n"])
    assert.throws(() => zipOf([{ name, content: "" }]), RangeError, name);
  const twice = { name: "a", content: "" };
  assert.throws(() => zipOf([twice, twice]), RangeError);
});

const python = findProgram("python3");
test("another program finds every file as it was", {
  skip: skipFor(python === undefined && "python3 is not installed"),
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-zip-"));
  const program =
    "import sys,zipfile,json;z=zipfile.ZipFile(sys.argv[1]);assert z.testzip() is None;print(json.dumps({n:z.read(n).hex() for n in z.namelist()}))";
  const files = fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9]{1,12}(\/[a-z]{1,5})?\.conf$/),
      content: fc.uint8Array({ maxLength: 300 }),
    }),
    { selector: ({ name }) => name.toLowerCase(), maxLength: 20 },
  );
  fc.assert(
    fc.property(files, (some) => {
      const path = join(folder, "x.zip");
      writeFileSync(path, zipOf(some));
      const found = JSON.parse(execFileSync(python!, ["-c", program, path], { encoding: "utf8" }));
      assert.deepEqual(
        found,
        Object.fromEntries(some.map(({ name, content }) => [name, Buffer.from(content).toString("hex")])),
      );
    }),
    { numRuns: 10 },
  );
  rmSync(folder, { recursive: true });
});
