import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { NetworkLock } from "./network-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-network-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("one exit has a network; another one stands aside until it ends, and one in another network does not", async () => {
  const [first, second, elsewhere] = [
    new NetworkLock(folder),
    new NetworkLock(folder),
    new NetworkLock(folder, 1),
  ];
  assert.equal(await first.take(0), true);
  assert.equal(await first.take(0), true, "again");
  assert.equal(await second.take(0), false);
  assert.equal(await elsewhere.take(0), true);
  first.release();
  assert.equal(await second.take(0), true);
  assert.equal(await first.take(0), false);
  for (const lock of [second, elsewhere]) lock.release();
});

test("one that is about to end is waited for, however it ends", async (t) => {
  const module = JSON.stringify(join(import.meta.dirname, "network-lock.ts"));
  const program = `const { NetworkLock } = await import(${module});
    console.log(await new NetworkLock(${JSON.stringify(folder)}).take());
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", program]);
  t.after(() => other.kill("SIGKILL"));
  const [said] = await once(other.stdout.setEncoding("utf8"), "data");
  assert.equal(said, "true\n");
  const lock = new NetworkLock(folder);
  assert.equal(await lock.take(0), false);
  const taken = lock.take(20_000);
  other.kill("SIGKILL");
  assert.equal(await taken, true);
  lock.release();
});

test("where the lock's folder cannot be made, an exit is not kept from its work", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const lock = new NetworkLock(join(file, "within"));
  assert.equal(await lock.take(0), true);
  lock.release();
});
