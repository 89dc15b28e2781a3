import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { listenOnSocketFile } from "./unix-socket.ts";

test("a server that ends late does not take away the socket of the one that came after it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-socket-"));
  const path = join(folder, "a.sock");
  const [first, second] = [createServer(), createServer((socket) => socket.end("second"))];
  await listenOnSocketFile(first, path);
  await listenOnSocketFile(second, path);
  await once(first.close(), "close");
  const [said] = await once(connect(path), "data");
  assert.equal(String(said), "second");
  await once(second.close(), "close");
  assert.ok(!existsSync(path));
  rmSync(folder, { recursive: true });
});
