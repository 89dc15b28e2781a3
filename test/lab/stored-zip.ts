/** The files of a ZIP archive that holds them as they are (APPNOTE.TXT 6.3, section 4.3.7), by name. */
export function storedFiles(zip: Buffer): Map<string, string> {
  const files = new Map<string, string>();
  let at = 0;
  while (zip.readUInt32LE(at) === 0x04034b50) {
    const size = zip.readUInt32LE(at + 18);
    const nameEnd = at + 30 + zip.readUInt16LE(at + 26);
    const begin = nameEnd + zip.readUInt16LE(at + 28);
    files.set(zip.toString("ascii", at + 30, nameEnd), zip.toString("utf8", begin, begin + size));
    at = begin + size;
  }
  return files;
}
