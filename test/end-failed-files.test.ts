import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "lethe-hangs-"));
after(() => rmSync(folder, { recursive: true }));
const reporter = fileURLToPath(new URL("end-failed-files.ts", import.meta.url));

test("a file that hangs behind a failure is ended with all that it has started, and told; the next ones run", {
  timeout: 120_000,
}, async (t) => {
  const pidFile = join(folder, "pid");
  writeFileSync(
    join(folder, "a.test.mjs"),
    `import { spawn } from "node:child_process";
    import { writeFileSync } from "node:fs";
    import { test } from "node:test";
    test("fails", () => {
      const child = spawn("sleep", ["1000"], { stdio: "inherit" });
      writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
      setInterval(() => {}, 1000);
      throw new Error("in its middle");
    });`,
  );
  writeFileSync(
    join(folder, "b.test.mjs"),
    `import { test } from "node:test";
    test("takes its time, and is well", () => new Promise((resolve) => setTimeout(resolve, 4000)));`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const runner = spawn(
    process.execPath,
    [
      ...["--no-warnings", "--test", "--test-concurrency=1", `--test-reporter=${reporter}`],
      ...["--test-reporter-destination=stdout", "--test-reporter=tap", "--test-reporter-destination=stderr"],
      ...["a.test.mjs", "b.test.mjs"],
    ],
    { cwd: folder, env: { ...env, LETHE_TEST_SILENT_MS: "2000" }, stdio: ["ignore", "pipe", "pipe"] },
  );
  t.after(() => runner.kill("SIGKILL"));
  let [said, tap] = ["", ""];
  runner.stdout.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  runner.stderr.setEncoding("utf8").on("data", (text) => {
    tap += text;
  });
  const [code] = await once(runner, "close");
  assert.equal(code, 1, tap);
  assert.equal(said, "a.test.mjs was ended: one of its tests failed, and nothing was heard of it for 2 s.\n");
  assert.match(tap, /^not ok \d+ - fails$[\s\S]*^ok \d+ - takes its time, and is well$/m);
  // Gone, or only waiting for somebody to ask how it ended (proc_pid_stat(5)).
  const stat = `/proc/${readFileSync(pidFile, "utf8")}/stat`;
  assert.ok(!existsSync(stat) || / Z /.test(readFileSync(stat, "latin1")), "its child");
});
