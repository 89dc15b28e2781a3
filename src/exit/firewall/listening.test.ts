import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { listeningPorts } from "./listening.ts";

test("listeners are found, and what is connected or drawn is none", (t) => {
  const root = mkdtempSync(join(tmpdir(), "lethe-listening-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "net"));
  const head = "  sl  local_address rem_address   st tx_queue rx_queue\n";
  writeFileSync(
    join(root, "net", "tcp"),
    `${head}   0: 0100007F:0CEA 00000000:0000 0A 0\n   1: 0100007F:0CEB 0200007F:1F90 01 0\n`,
  );
  writeFileSync(
    join(root, "net", "tcp6"),
    `${head}   0: ${"0".repeat(32)}:01BB ${"0".repeat(32)}:0000 0A 0\n`,
  );
  writeFileSync(
    join(root, "net", "udp"),
    `${head}   0: 00000000:04AA 00000000:0000 07 0\n   1: 00000000:E000 00000000:0000 07 0\n   2: 0100007F:04AB 0200007F:0035 01 0\nnonsense\n`,
  );
  assert.deepEqual(listeningPorts({ root, firstDrawn: 32_768 }), [443, 1194, 3306]);
});

test("this machine's own tables are read", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => {
    server.close();
    socket.close();
  });
  const { port } = server.address() as { port: number };
  assert.ok(listeningPorts().includes(port));
  assert.ok(!listeningPorts().includes(socket.address().port), "drawn by the system");
  assert.ok(listeningPorts({ firstDrawn: 65_536 }).includes(socket.address().port), "control");
});
