import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { askSupervisor, takeLock } from "./lock.ts";

const answer = async () => ({ ok: true as const, text: "here" });

describe("the lock of a data folder", () => {
  let folder: string;
  let path: string;
  const held: Server[] = [];
  const take = async () => {
    const lock = await takeLock(path, answer);
    if (lock !== undefined) held.push(lock);
    return lock;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lethe-lock-"));
    path = join(folder, "supervisor.sock");
  });

  afterEach(async () => {
    for (const lock of held.splice(0)) if (lock.listening) await once(lock.close(), "close");
    rmSync(folder, { recursive: true });
  });

  /** What a killed process leaves: a socket file that nobody listens on. */
  async function leaveStaleSocket(): Promise<void> {
    const server = createServer().listen(`${path}.first`);
    await once(server, "listening");
    linkSync(`${path}.first`, path);
    await once(server.close(), "close");
    assert.ok(existsSync(path));
  }

  it("is one's own as long as one has it, and the next one's afterwards", async () => {
    const lock = await take();
    assert.ok(lock);
    assert.equal(await take(), undefined);
    assert.deepEqual(await askSupervisor(path, { command: "status" }), { ok: true, text: "here" });
    await once(lock.close(), "close");
    assert.ok(await take());
  });

  it("goes to exactly one of many who come at once to the socket of a killed process", async () => {
    await leaveStaleSocket();
    const taken = await Promise.all(Array.from({ length: 12 }, take));
    assert.equal(taken.filter((lock) => lock !== undefined).length, 1);
    assert.deepEqual(await askSupervisor(path, { command: "status" }), { ok: true, text: "here" });
  });

  it("is open to its owner alone, and writes nothing", async () => {
    await take();
    assert.deepEqual(readdirSync(folder).sort(), ["supervisor.sock", "supervisor.sock.lock"]);
    assert.equal(statSync(`${path}.lock`).size, 0);
    for (const file of [path, `${path}.lock`]) assert.equal(statSync(file).mode & 0o077, 0, file);
  });
});
