import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type ArchiveFile, isSafeName } from "./archive.ts";

/** A backup's parts: the manifest first, then `lethe.toml`, the office's files, and the database last. */
export const MANIFEST = "manifest.json";
export const SETTINGS = "lethe.toml";
export const DATABASE = "lethe.db";
export const OFFICE = "office/";

const manifestSchema = z.strictObject({
  format: z.literal("lethe backup 1"),
  /** UTC seconds. */
  madeAt: z.int().nonnegative(),
  kind: z.enum(["whole", "keys"]),
});
export type Manifest = z.infer<typeof manifestSchema>;

export function parseManifest(text: string): Manifest | undefined {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What every office of a service has in common; the rest of its folder is one machine's own. */
export const SHARED_KEYS: readonly string[] = [
  "site.secret",
  "roster.key",
  "tls-crypt.key",
  "link.seed",
  "ca.key",
  "ca.crt",
];

const MOST_BYTES = 1_000_000;
const CHUNK_BYTES = 65_536;
/** The database goes in as a copy of one moment; the others are rebuilt, or are copies themselves. */
const LEFT_OUT = /^(?:lethe\.db.*|backups|cache|.*\.new)$/;

/** The office's own files that a backup holds: keys, certificates; their names relative to its folder. */
export function officeFiles(folder: string, kind: Manifest["kind"]): string[] {
  if (kind === "keys") return SHARED_KEYS.filter((name) => isFileIn(folder, name));
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return found
    .filter((name) => !LEFT_OUT.test(name.split("/")[0]!) && !name.endsWith(".new"))
    .filter((name) => isSafeName(`${OFFICE}${name}`))
    .filter((name) => sizeOf(join(folder, name)) <= MOST_BYTES)
    .toSorted();
}

const isFileIn = (folder: string, name: string): boolean =>
  readdirSync(folder, { withFileTypes: true }).some((entry) => entry.name === name && entry.isFile());

function sizeOf(path: string): number {
  const file = openSync(path, "r");
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

export function fileOf(name: string, path: string): ArchiveFile {
  return { name, size: sizeOf(path), content: chunksOf(path) };
}

export function textOf(name: string, text: string): ArchiveFile {
  const bytes = Buffer.from(text);
  return { name, size: bytes.length, content: [bytes] };
}

function* chunksOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const length = readSync(file, chunk);
      if (length === 0) return;
      yield chunk.subarray(0, length);
    }
  } finally {
    closeSync(file);
  }
}
