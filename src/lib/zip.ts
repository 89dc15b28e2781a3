import { crc32 } from "node:zlib";

/**
 * A ZIP archive of small files, stored as they are (method 0): PKWARE's APPNOTE.TXT 6.3, sections 4.3.6 to 4.3.16. No ZIP64, so
 * at most 65,535 files and 4 GiB. The same files make the same bytes: every time stamp is the format's first, 1980-01-01.
 */
export interface ZipFile {
  /** Relative, with slashes; ASCII. */
  name: string;
  content: string | Uint8Array;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
/** 1.0: stored files (4.4.3). */
const VERSION_NEEDED = 10;
/** Upper byte 3: the attributes are Unix's (4.4.2). */
const MADE_BY = (3 << 8) | VERSION_NEEDED;
/** MS-DOS date of 1980-01-01: month 1, day 1 (4.4.6). */
const FIRST_DAY = (1 << 5) | 1;
/** A regular file, rw-r--r--, in the upper half of the external attributes (4.4.15). */
const ATTRIBUTES = (0o100644 << 16) >>> 0;
const FILES_MOST = 65_535;

/** Throws RangeError where a name could leave the folder it is unpacked in, or stands twice, or there are too many files. */
export function zipOf(files: readonly ZipFile[]): Buffer {
  if (files.length > FILES_MOST) throw new RangeError("zip: too many files");
  if (new Set(files.map(({ name }) => name)).size < files.length) throw new RangeError("zip: a name twice");
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, content } of files) {
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(name))
      throw new RangeError("zip: not a name");
    const body = Buffer.from(content as Uint8Array);
    const path = Buffer.from(name, "ascii");
    // Version, flags, method, time, date, CRC, both sizes, both lengths: the same in both headers (4.3.7, 4.3.12).
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION_NEEDED, 0);
    common.writeUInt16LE(FIRST_DAY, 8);
    common.writeUInt32LE(crc32(body), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([uint32(LOCAL_HEADER), common, path, body]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(ATTRIBUTES, 6);
    tail.writeUInt32LE(offset, 10);
    central.push(uint32(CENTRAL_HEADER), uint16(MADE_BY), common, tail, path);
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
