import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../office/config.ts";
import { assertReadable, checkLook, checkTexts } from "./doctor-texts.ts";

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
    [["bad", "theme.logo: /nowhere/logo.png cannot be read: it does not exist."]],
  );
  assert.deepEqual(checkLook(parseConfig("", "lethe.toml")), []);
});

test("an article that the office would not start with is told before a restart ends the one that runs", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-doctor-texts-"));
  const config = parseConfig(`[site]\ntexts = "${folder}"`, "lethe.toml");
  assertReadable(config);
  mkdirSync(join(folder, "help"));
  writeFileSync(
    join(folder, "help", "house.md"),
    '+++\ntitle = "T"\nsummary = "S"\ncategory = "nosuch"\nwords = []\n+++\nText\n',
  );
  assert.throws(() => assertReadable(config), /house\.md: category is not right/);
  rmSync(folder, { recursive: true });
});
