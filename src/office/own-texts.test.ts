import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readOwnTexts } from "./own-texts.ts";
import { OfficeStartError } from "./start-errors.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-texts-"));
after(() => rmSync(folder, { recursive: true }));

test("texts are found by page and language, the English ones beside the folders or in one", () => {
  writeFileSync(join(folder, "terms.md"), "English terms");
  writeFileSync(join(folder, "passwords.md"), "no page of ours");
  mkdirSync(join(folder, "de"));
  writeFileSync(join(folder, "de", "terms.md"), "Deutsch\n\n---\n\nFuß");
  mkdirSync(join(folder, "help"));
  const texts = readOwnTexts(folder)!;
  assert.equal(texts.find("terms", ["en"])?.introduction, "English terms");
  assert.deepEqual(texts.find("terms", ["de-at", "de", "en"]), { introduction: "Deutsch", footnotes: "Fuß" });
  assert.equal(texts.find("terms", ["fr", "en"])?.introduction, "English terms");
  assert.equal(texts.find("refunds", ["en"]), undefined);
  assert.equal(readOwnTexts(""), undefined);
});

test("a folder that is not there, and a text too large for a page, end the start with a sentence", () => {
  assert.throws(
    () => readOwnTexts(join(folder, "none")),
    (error: Error) => {
      assert.ok(error instanceof OfficeStartError);
      return /^site\.texts: .*none cannot be read: it does not exist\.$/.test(error.message);
    },
  );
  writeFileSync(join(folder, "privacy.md"), "x".repeat(49 * 1024));
  assert.throws(() => readOwnTexts(folder), /privacy\.md is larger than 48 KB/);
});
