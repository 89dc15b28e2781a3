import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { CAPABILITIES, unit } from "./unit.ts";

/** What systemd-analyze(1) says of a unit: 0.0 (nothing may be done) to 10.0. */
function exposure(text: string): number {
  const folder = mkdtempSync(join(tmpdir(), "lethe-unit-"));
  try {
    const path = join(folder, "lethe-exit.service");
    writeFileSync(path, text);
    const { stdout } = spawnSync(
      findProgram("systemd-analyze")!,
      ["security", "--offline=true", "--no-pager", path],
      { encoding: "utf8", env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } },
    );
    const figure = /Overall exposure level for [^:]+: ([0-9.]+)/.exec(stdout)?.[1];
    assert.ok(figure !== undefined, stdout);
    return Number(figure);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const skip = skipFor(findProgram("systemd-analyze") === undefined && "systemd is not installed");

test("systemd-analyze calls the exit's unit exposed by 4.0 at most", { skip }, () => {
  assert.ok(exposure(unit()) <= 4.0, String(exposure(unit())));
  // The same service without what shuts it, so that the figure above is seen to mean something.
  const bare = unit().replace(/^(Protect|Private|Restrict|Capability|SystemCall|NoNew|Device|Lock).*$/gm, "");
  assert.ok(exposure(bare) > 8, String(exposure(bare)));
});

test("no capability is left that could read other processes, load code into the kernel or mount", () => {
  for (const name of ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_NET_RAW", "CAP_BPF"])
    assert.ok(!(CAPABILITIES as readonly string[]).includes(name), name);
  assert.match(unit(), /^LimitCORE=0$/m);
  assert.match(unit(), /^MemorySwapMax=0$/m);
});
