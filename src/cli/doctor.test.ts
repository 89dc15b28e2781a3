import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkSettings } from "./doctor.ts";

const NOBODY = 65_534;

test("settings that are not there yet are told from those that this user may not read", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-doctor-"));
  const asRoot = process.getuid!() === 0;
  try {
    assert.match(checkSettings(folder).finding.found, /^there is no .*lethe\.toml yet$/);
    writeFileSync(join(folder, "lethe.toml"), "");
    assert.match(checkSettings(folder).finding.found, /lethe\.toml is right$/);
    chmodSync(folder, 0o000);
    if (asRoot) process.seteuid!(NOBODY);
    assert.match(checkSettings(folder).finding.found, /^this user may not read .*lethe\.toml$/);
  } finally {
    if (asRoot) process.seteuid!(0);
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
  }
});
