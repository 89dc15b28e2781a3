import { BackupError } from "./backup-error.ts";

/**
 * What a backup holds, as a tar archive (POSIX.1-1988 "ustar": blocks of 512 bytes, a header and a file's content, two blocks of zeros
 * at the end), so that age and tar can open it without Lethe. The reader takes files of safe names and nothing else.
 */
const BLOCK = 512;
/** Eleven octal digits. */
const MOST_BYTES = 0o77777777777;
const SAFE_NAME = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/){0,4}[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const NAME_BYTES = 100;

export const isSafeName = (name: string): boolean => SAFE_NAME.test(name) && name.length <= NAME_BYTES;

export interface ArchiveFile {
  name: string;
  size: number;
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export async function* writeArchive(files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>) {
  for await (const { name, size, content } of files) {
    yield header(name, size);
    let written = 0;
    for await (const chunk of content) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== size) throw new BackupError(`${name} changed while it was read. Nothing was written.`);
    yield new Uint8Array(-size & (BLOCK - 1));
  }
  yield new Uint8Array(2 * BLOCK);
}

function header(name: string, size: number): Uint8Array {
  if (!isSafeName(name) || size > MOST_BYTES) throw new BackupError(`${name} cannot stand in a backup.`);
  const block = Buffer.alloc(BLOCK);
  const field = (at: number, text: string) => block.write(text, at, "latin1");
  field(0, name);
  field(100, "0000600\0");
  field(108, "0000000\0");
  field(116, "0000000\0");
  field(124, `${size.toString(8).padStart(11, "0")}\0`);
  field(136, "00000000000\0");
  field(148, "        ");
  field(156, "0");
  field(257, "ustar\x0000");
  field(148, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** The sum of a header's bytes, its own field counted as blanks. */
const checksum = (block: Uint8Array): number =>
  block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);

/** Gives each file in turn; its content must be read to the end before the next. Throws BackupError where it is no such archive. */
export async function* readArchive(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveFile> {
  const reader = new Blocks(bytes);
  for (;;) {
    const block = await reader.exactly(BLOCK);
    if (block.every((byte) => byte === 0)) return reader.end();
    const text = (from: number, to: number) => block.toString("latin1", from, to).replace(/\0.*$/s, "");
    const name = text(0, NAME_BYTES);
    const size = Number.parseInt(text(124, 136), 8);
    const sound = Number.parseInt(text(148, 156), 8) === checksum(block) && text(257, 263) === "ustar";
    if (!sound || text(156, 157) !== "0" || !isSafeName(name) || !(size >= 0)) throw foreign();
    yield { name, size, content: reader.some(size) };
    await reader.exactly(-size & (BLOCK - 1));
  }
}

const foreign = (): BackupError => new BackupError("This is no backup of Lethe's. Nothing was changed.");

class Blocks {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#source = bytes[Symbol.asyncIterator]();
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.some(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *some(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more())) throw foreign();
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** To the very end: only then has the encryption vouched for all of it. */
  async end(): Promise<void> {
    while (await this.#more());
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#held = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return true;
  }
}
