import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { CarrierError, type ExitCarrier } from "../../link/carrier.ts";
import { until } from "../../link/testing.ts";
import { decodeRequest, FILE_CHUNK_BYTES } from "../../link/wire.ts";
import type { KeeperErrandDone } from "../messages.ts";
import { Errands } from "./errands.ts";

let folder = "";
let errands: Errands | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-errands-"));
});
afterEach(() => {
  errands?.close();
  rmSync(folder, { recursive: true });
});

const file = randomBytes(2_500_000);
const sha256 = createHash("sha256").update(file).digest("hex");

/** An office that answers as `answer` says, to what was asked. */
function begin(answer: (asked: NonNullable<ReturnType<typeof decodeRequest>>) => Uint8Array) {
  const done: KeeperErrandDone[] = [];
  const carrier = {
    request: async (message: Uint8Array) => answer(decodeRequest(message)!),
  } as unknown as ExitCarrier;
  errands = new Errands({ carrier, folder, done: (message) => done.push(message) });
  return { errands, done };
}
const chunk = (bytes: Uint8Array, offset: number) => bytes.subarray(offset, offset + FILE_CHUNK_BYTES);

test("a file is fetched in pieces, over lost connections, and told of when it is whole", async () => {
  const offsets: number[] = [];
  const { errands, done } = begin((asked) => {
    assert.ok(asked.kind === "file" && asked.sha256 === sha256);
    offsets.push(asked.offset);
    if (offsets.length === 2) throw new CarrierError("down");
    return chunk(file, asked.offset);
  });
  errands.run({ type: "fetch", sha256, bytes: file.length });
  await until(() => done.length === 1, "the file");
  assert.deepEqual(done, [{ type: "fetched", sha256 }]);
  assert.deepEqual(offsets, [0, 1_000_000, 1_000_000, 2_000_000]);
  assert.ok(readFileSync(join(folder, sha256)).equals(file));
  assert.equal(statSync(join(folder, sha256)).mode & 0o777, 0o600);
});

test("a file that is another one, or does not end, is not told of; nothing of it stays in the way", async () => {
  let asked = 0;
  let honest = false;
  const { errands, done } = begin((request) => {
    assert.ok(request.kind === "file");
    asked++;
    if (honest) return chunk(file, request.offset);
    return asked === 1
      ? new Uint8Array(FILE_CHUNK_BYTES)
      : new Uint8Array(Math.min(FILE_CHUNK_BYTES, file.length - request.offset));
  });
  errands.run({ type: "fetch", sha256, bytes: file.length });
  await until(() => asked >= 4, "another try");
  assert.ok(!existsSync(join(folder, sha256)));
  honest = true;
  await until(() => done.length === 1, "the right file", 20_000);
  assert.ok(readFileSync(join(folder, sha256)).equals(file));
});

test("one that is there already is told of at once", async () => {
  writeFileSync(join(folder, sha256), file);
  const { errands, done } = begin(() => assert.fail("nothing is to be asked"));
  errands.run({ type: "fetch", sha256, bytes: file.length });
  await until(() => done.length === 1, "the word");
});

test("a certificate is asked for until the office signs; of two requests the newer one counts", async () => {
  const asked: string[] = [];
  const { errands, done } = begin((request) => {
    assert.ok(request.kind === "certificate");
    asked.push(request.request);
    if (asked.length < 3) throw new CarrierError("refused");
    return Buffer.from(`signed ${request.request}`);
  });
  errands.run({ type: "certify", request: "first" });
  errands.run({ type: "certify", request: "second" });
  await until(() => done.length === 1, "the certificate");
  assert.deepEqual(done, [{ type: "certificate", certificate: "signed second" }]);
  assert.deepEqual(asked, ["first", "second", "second"]);
});
