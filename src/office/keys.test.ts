import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ensureKeys } from "./keys.ts";
import { OfficeStartError } from "./start-errors.ts";

describe("the office's keys", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-keys-"));
  const file = join(folder, "site.secret");
  after(() => rmSync(folder, { recursive: true }));
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

  it("are made once, in files of their own", () => {
    const first = ensureKeys(folder);
    assert.deepEqual(ensureKeys(folder).siteSecret, first.siteSecret);
    assert.equal(first.siteSecret.length, 32);
  });

  it("may be given from elsewhere: the same as the file's, or with no file, which is not made then", () => {
    const secret = readFileSync(file);
    const given = { "site.secret": base64(secret) };
    assert.deepEqual(Buffer.from(ensureKeys(folder, given).siteSecret), secret);
    unlinkSync(file);
    assert.deepEqual(Buffer.from(ensureKeys(folder, given).siteSecret), secret);
    assert.equal(existsSync(file), false);
  });

  it("are refused where the one given is another than the file's, or no key by its size", () => {
    ensureKeys(folder);
    const other = { "site.secret": base64(Buffer.alloc(32, 1)) };
    assert.throws(() => ensureKeys(folder, other), OfficeStartError);
    assert.throws(() => ensureKeys(folder, other), /credential site.secret is another one than the file/);
    unlinkSync(file);
    assert.throws(
      () => ensureKeys(folder, { "site.secret": base64(Buffer.alloc(31)) }),
      /must have 32 bytes, not 31/,
    );
  });
});
