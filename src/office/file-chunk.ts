import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FILE_CHUNK_BYTES } from "../link/wire.ts";

/** What an exit gets of a file at one go: at most FILE_CHUNK_BYTES from `offset` on, none past its end. Throws the system's error. */
export function fileChunk(path: string, offset: number): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, Math.min(FILE_CHUNK_BYTES, fstatSync(file).size - offset)));
    let read = 0;
    while (read < bytes.length) {
      const more = readSync(file, bytes, read, bytes.length - read, offset + read);
      // It has become shorter meanwhile.
      if (more === 0) return bytes.subarray(0, read);
      read += more;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}
