import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { uapiReason, uapiSet } from "./uapi.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-uapi-"));
after(() => rmSync(folder, { recursive: true }));

let sockets = 0;

/** An engine that answers with `pieces`, one at a time, as soon as it was told everything. */
async function answering(pieces: string[], then: "stay" | "end" = "stay") {
  const path = join(folder, `${++sockets}.sock`);
  const open: Socket[] = [];
  let heard = "";
  const server = createServer((socket) => {
    open.push(socket);
    socket.on("error", () => {});
    socket.setEncoding("latin1").on("data", async (text: string) => {
      heard += text;
      if (!heard.endsWith("\n\n")) return;
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise(setImmediate);
      }
      if (then === "end") socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const close = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { path, heard: () => heard, close };
}

test("lines go out as one transaction, and the answer may come byte by byte", async () => {
  const engine = await answering([..."errno=0\n\n"]);
  assert.equal(await uapiSet(engine.path, ["private_key=00", "listen_port=1"]), undefined);
  assert.equal(engine.heard(), "set=1\nprivate_key=00\nlisten_port=1\n\n");
  engine.close();
});

test("what the engine refuses has a word", async () => {
  for (const [answer, reason] of [
    ["errno=-98\n\n", "EADDRINUSE"],
    ["errno=-22\n\n", "wrong-configuration"],
    ["errno=-1\n\n", "other"],
    ["something else\n\n", "malformed"],
    ["x".repeat(2000), "malformed"],
  ] as const) {
    const engine = await answering([answer]);
    assert.equal(await uapiSet(engine.path, []), reason);
    engine.close();
  }
});

test("an engine that is not there, hangs or ends is unavailable", async () => {
  assert.equal(await uapiSet(join(folder, "nobody.sock"), []), "unavailable");
  const hangs = await answering([]);
  assert.equal(await uapiSet(hangs.path, [], 50), "unavailable");
  hangs.close();
  const ends = await answering(["errno="], "end");
  assert.equal(await uapiSet(ends.path, []), "unavailable");
  ends.close();
});

test("no answer at all makes it throw", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.ok(["undefined", "string"].includes(typeof uapiReason(text)));
    }),
  );
});
