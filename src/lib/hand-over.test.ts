import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ForkedChild } from "./forked-child.ts";
import { openListening } from "./hand-over.ts";

/** Answers each connection with its process number, on the socket it is handed. */
const WORKER = `
import { createServer } from "node:net";
process.on("message", (message, handle) => {
  const server = createServer((socket) => socket.end(String(process.pid)));
  server.listen(handle, () => process.send("listening"));
});
process.once("disconnect", () => process.exit(0));
`;

describe("a listening socket that one process opens for another", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-hand-over-"));
  const module = join(folder, "worker.mjs");
  before(() => writeFileSync(module, WORKER));
  after(() => rmSync(folder, { recursive: true }));

  const answerAt = async (port: number): Promise<string> => {
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    let text = "";
    for await (const part of socket) text += part;
    return text;
  };

  it("is served by the other, also by the one that is started after a crash", async () => {
    let port = 0;
    const listening: (() => void)[] = [];
    const heard = () => new Promise<void>((resolve) => listening.push(resolve));
    const child = new ForkedChild({
      module,
      log: () => {},
      onStart: async () => {
        const server = await openListening({ address: "127.0.0.1", port });
        ({ port } = server.address() as AddressInfo);
        child.hand({ type: "socket" }, server);
      },
      onMessage: () => listening.shift()?.(),
    });
    const first = heard();
    child.start();
    await first;
    assert.equal(await answerAt(port), String(child.pid));
    const again = heard();
    const before = child.pid!;
    process.kill(before, "SIGKILL");
    await again;
    assert.notEqual(child.pid, before);
    for (let tries = 0; tries < 20; tries++) assert.equal(await answerAt(port), String(child.pid));
    await child.stop(2000);
    await assert.rejects(answerAt(port), { code: "ECONNREFUSED" });
  });

  it("can be one of several on the same port", async () => {
    const one = await openListening({ address: "127.0.0.1", port: 0, reusePort: true });
    const { port } = one.address() as AddressInfo;
    const other = await openListening({ address: "127.0.0.1", port, reusePort: true });
    one.close();
    other.close();
  });

  it("that cannot be had is an error by its name", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(openListening({ address: "127.0.0.1", port }), { code: "EADDRINUSE" });
    await assert.rejects(openListening({ address: "192.0.2.77", port }), { code: "EADDRNOTAVAIL" });
    taken.close();
  });
});
