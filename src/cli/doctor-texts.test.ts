import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../office/config.ts";
import { checkLook, checkTexts } from "./doctor-texts.ts";

test("texts that no page shows are told, and a folder that is not there", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-doctor-texts-"));
  const checked = (texts: string) => checkTexts(parseConfig(`[site]\ntexts = "${texts}"`, "lethe.toml"));
  writeFileSync(join(folder, "terms.md"), "");
  assert.deepEqual(checked(""), []);
  assert.deepEqual(checked(folder), []);
  writeFileSync(join(folder, "term.md"), "");
  assert.deepEqual(
    checked(folder).map(({ state, found }) => [state, found]),
    [["note", "site.texts: no page shows term.md."]],
  );
  rmSync(folder, { recursive: true });
  assert.equal(checked(folder)[0]?.state, "bad");
});

test("a logo that is no picture is told with its path", () => {
  const config = parseConfig('[theme]\nlogo = "/nowhere/logo.png"', "lethe.toml");
  assert.deepEqual(
    checkLook(config).map(({ state, found }) => [state, found]),
    [["bad", "theme.logo: /nowhere/logo.png cannot be read."]],
  );
  assert.deepEqual(checkLook(parseConfig("", "lethe.toml")), []);
});
