import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Results, verdicts } from "../../bench/tunnels/results.ts";
import { findProgram } from "../../src/lib/run-command.ts";
import { skipOrFail } from "../lab/requirements.ts";

/** A shared machine and one second of measuring are no reason to fail; a tunnel that carries next to nothing would be. */
const LEAST_SHARE = 0.1;

const missing = findProgram("iperf3") === undefined ? "iperf3 is not installed (Debian: iperf3)" : undefined;

test("the tunnels' benchmark in its short form: every service carries traffic and lets in, ours and by hand", {
  skip: skipOrFail(missing),
  timeout: 900_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-bench-"));
  try {
    const main = fileURLToPath(new URL("../../bench/tunnels/main.ts", import.meta.url));
    const run = spawn(process.execPath, ["--no-warnings", main, "--quick", "--out", folder], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    run.stderr.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    const code = await new Promise((resolve) => run.once("exit", resolve));
    assert.equal(code, 0, said);
    const results: Results = JSON.parse(readFileSync(join(folder, "raw.json"), "utf8"));
    t.diagnostic(readFileSync(join(folder, "table.md"), "utf8"));
    const lines = verdicts(results);
    assert.equal(lines.length, 7 * 3, "every service, up, down and logins");
    for (const { title, what, share } of lines) {
      // Of logins a second makes a handful: one packet that is sent again decides.
      const least = what === "logins" ? Number.MIN_VALUE : LEAST_SHARE;
      assert.ok(share >= least, `${title}, ${what}: ${share} of by hand`);
    }
    for (const { up, down } of results.ceiling) assert.ok(up > 0 && down > 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
