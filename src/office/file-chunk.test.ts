import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FILE_CHUNK_BYTES } from "../link/wire.ts";
import { fileChunk } from "./file-chunk.ts";

test("a file is read chunk by chunk to its end, and past it there is nothing", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-chunk-"));
  try {
    const path = join(folder, "file");
    const content = Buffer.from(Array.from({ length: FILE_CHUNK_BYTES + 500 }, (_, at) => at % 251));
    writeFileSync(path, content);
    const first = fileChunk(path, 0);
    assert.equal(first.length, FILE_CHUNK_BYTES);
    const rest = fileChunk(path, first.length);
    assert.deepEqual(Buffer.concat([first, rest]), content);
    assert.deepEqual(fileChunk(path, 7).subarray(0, 3), content.subarray(7, 10));
    for (const past of [content.length, content.length + 1, 2 ** 40])
      assert.equal(fileChunk(path, past).length, 0);
    assert.throws(() => fileChunk(join(folder, "none"), 0), { code: "ENOENT" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
