import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { type ArchiveFile, readArchive, writeArchive } from "./archive.ts";
import { BackupError } from "./backup-error.ts";

type Plain = { name: string; bytes: Buffer };
const fileOf = ({ name, bytes }: Plain): ArchiveFile => ({ name, size: bytes.length, content: [bytes] });
const written = async (files: ArchiveFile[]) => Buffer.concat(await Array.fromAsync(writeArchive(files)));

async function readAll(bytes: Iterable<Uint8Array>): Promise<Plain[]> {
  const files: Plain[] = [];
  const chunks = (async function* () {
    yield* bytes;
  })();
  for await (const { name, content } of readArchive(chunks))
    files.push({ name, bytes: Buffer.concat(await Array.fromAsync(content as AsyncIterable<Uint8Array>)) });
  return files;
}
function* pieces(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const anyFiles = fc.array(
  fc.record({
    name: fc.stringMatching(/^(?:[a-z0-9_-][a-z0-9._-]{0,9}\/){0,2}[A-Za-z0-9_-][a-z0-9._-]{0,20}$/),
    bytes: fc.uint8Array({ maxLength: 1600 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 5 },
);

test("what was written is read again, in pieces of any length, down to single bytes", async () => {
  await fc.assert(
    fc.asyncProperty(anyFiles, fc.integer({ min: 1, max: 700 }), async (files, length) => {
      const bytes = await written(files.map(fileOf));
      const plain = files.map(({ name, bytes }) => ({ name, bytes }));
      assert.deepEqual(await readAll(pieces(bytes, length)), plain);
    }),
    { numRuns: 60 },
  );
});

test("tar reads it", async () => {
  const bytes = await written([fileOf({ name: "office/ca.crt", bytes: Buffer.from("certificate\n") })]);
  const listed = spawnSync("tar", ["-tvf", "-"], { input: bytes, encoding: "utf8" });
  assert.match(listed.stdout, /^-rw------- .* 12 .* office\/ca\.crt\n$/);
  const unpacked = spawnSync("tar", ["-xOf", "-"], { input: bytes, encoding: "utf8" });
  assert.deepEqual([unpacked.status, unpacked.stderr, unpacked.stdout], [0, "", "certificate\n"]);
});

test("a name that leads elsewhere is neither written nor read", async () => {
  const good = await written([fileOf({ name: "aa/aa", bytes: Buffer.from("x") })]);
  for (const name of ["../aa", "/aaaa", "a/../", "aa/..", ".aaaa", "a//aa", "aa/", "", "a\0/aa"]) {
    await assert.rejects(written([fileOf({ name, bytes: Buffer.alloc(1) })]), BackupError, name);
    const bytes = Buffer.from(good);
    bytes.fill(0, 0, 5);
    bytes.write(name, 0, "latin1");
    bytes.write("        ", 148);
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    // The name ends at the first zero.
    if (name !== "a\0/aa") await assert.rejects(readAll([bytes]), BackupError, name);
  }
  // A symbolic link, a folder.
  for (const kind of ["2", "5"]) {
    const bytes = Buffer.from(good);
    bytes.write(kind, 156);
    bytes.write("        ", 148);
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    await assert.rejects(readAll([bytes]), BackupError, kind);
  }
});

test("anything else, and anything cut short, is refused", async () => {
  const bytes = await written([fileOf({ name: "a", bytes: Buffer.alloc(700, 1) })]);
  // Of the two blocks of zeros one will do.
  for (let length = 0; length < bytes.length - 512; length += 64)
    await assert.rejects(readAll([bytes.subarray(0, length)]), BackupError, String(length));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (noise) => {
      const header = Buffer.concat([Buffer.from([1]), Buffer.from(noise)]);
      await assert.rejects(readAll([header]), BackupError);
    }),
    { numRuns: 60 },
  );
});

test("a file that grows or shrinks while it is written is noticed", async () => {
  for (const size of [4, 6])
    await assert.rejects(
      written([{ name: "a", size, content: [Buffer.alloc(5)] }]),
      /changed while it was read/,
    );
});
