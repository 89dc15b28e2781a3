import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ForkedChild } from "./forked-child.ts";

test("a child has our PATH, no secret in its arguments, and no debugger for whoever is on this machine", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-fork-"));
  const module = join(folder, "child.mjs");
  // Node opens a debugger on a loopback port at SIGUSR1, to every user of the machine: a slip of the operator's is enough.
  writeFileSync(
    module,
    `import { url } from "node:inspector";
    process.kill(process.pid, "SIGUSR1");
    const look = setInterval(() => process.uptime() > 0.5 && done(), 20);
    const done = () => {
      clearInterval(look);
      process.send({ debugger: url() ?? null, argv: process.argv.slice(2), env: Object.keys(process.env).sort() });
    };`,
  );
  const heard = Promise.withResolvers<unknown>();
  process.env.LETHE_TEST_SECRET = "secret";
  const child = new ForkedChild({
    module,
    log: () => {},
    onStart: () => {},
    onMessage: heard.resolve,
    onCrash: () => heard.reject(new Error("the child ended")),
  });
  child.start();
  const said = (await heard.promise) as { debugger: unknown; argv: unknown; env: string[] };
  await child.stop(5000);
  delete process.env.LETHE_TEST_SECRET;
  rmSync(folder, { recursive: true });
  assert.equal(said.debugger, null);
  assert.deepEqual(said.argv, []);
  assert.deepEqual(
    said.env.filter((name) => !name.startsWith("NODE_")),
    ["LANG", "PATH"],
  );
});
