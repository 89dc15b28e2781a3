import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/**
 * Puts `content` at `path` whole or not at all: written beside it, synced, renamed over it, folder synced.
 * `mode` is set before the first byte is written (0600 unless told, since most of what Lethe writes is secret).
 * Throws the file system's error (ENOSPC, EROFS, EACCES …); the file that stood there before then still stands.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): void {
  const beside = `${path}.${process.pid}.new`;
  // One that was killed half-way may have had our number: in a container every start gives the same ones.
  rmSync(beside, { force: true });
  const file = openSync(beside, "wx", 0o600);
  try {
    try {
      fchmodSync(file, mode);
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      let written = 0;
      while (written < bytes.length) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (error) {
    unlinkSync(beside);
    throw error;
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Reads the secret at `path`, made first (0600) where it is not there. Throws the file system's error. */
export function ensureSecret(path: string, make: () => string | Uint8Array): Buffer {
  if (!existsSync(path)) writeFileAtomic(path, make());
  return readFileSync(path);
}
