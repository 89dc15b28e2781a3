import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { framesOf } from "./last-resort.ts";

test("an error nobody caught ends the process and says where it was, not what it said", () => {
  const code = `
    import { installLastResort } from ${JSON.stringify(new URL("last-resort.ts", import.meta.url).href)};
    installLastResort(() => process.stderr.write("internal-error\\n"));
    const failing = () => { throw new Error("connect to 203.0.113.9 as alice\\n    at alice (203.0.113.9:1:1)"); };
    setImmediate(failing);
  `;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /internal-error/);
  assert.match(stderr, /at .*failing/);
  assert.doesNotMatch(stderr, /alice|203\.0\.113/);
});

test("what is thrown without being an Error says nothing", () => {
  assert.equal(framesOf("secret"), "");
});
