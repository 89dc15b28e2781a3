import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** Runs a benchmark with --quick and shows its table; what it wrote as raw.json. */
export async function shortForm(benchmark: "fleet" | "tunnels", t: TestContext): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "lethe-bench-"));
  try {
    const main = fileURLToPath(new URL(`../../bench/${benchmark}/main.ts`, import.meta.url));
    const run = spawn(process.execPath, ["--no-warnings", main, "--quick", "--out", folder], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    run.stderr.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    const code = await new Promise((resolve) => run.once("exit", resolve));
    assert.equal(code, 0, said);
    t.diagnostic(readFileSync(join(folder, "table.md"), "utf8"));
    return JSON.parse(readFileSync(join(folder, "raw.json"), "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
