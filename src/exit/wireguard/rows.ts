/**
 * Peers between the keeper and the exit's root process: rows of 36 bytes, public key and index (uint32, big-endian), one after
 * another, in base64. Index 0: a peer without an address, by which the exit tests itself.
 */

const KEY_BYTES = 32;
const ROW_BYTES = 36;

export function packRows(peers: Iterable<readonly [key: string, index: number]>): string {
  const rows = [...peers];
  const bytes = Buffer.alloc(rows.length * ROW_BYTES);
  for (const [at, [key, index]] of rows.entries()) {
    bytes.write(key, at * ROW_BYTES, "base64");
    bytes.writeUInt32BE(index, at * ROW_BYTES + KEY_BYTES);
  }
  return bytes.toString("base64");
}

/** Nothing where that is no number of whole rows, or an index is none: the sender is not believed. */
export function unpackRows(text: string, mostIndex: number): Map<string, number> | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % ROW_BYTES !== 0) return undefined;
  const rows = new Map<string, number>();
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const index = bytes.readUInt32BE(at + KEY_BYTES);
    if (index > mostIndex) return undefined;
    rows.set(bytes.toString("base64", at, at + KEY_BYTES), index);
  }
  return rows;
}

export const packKeys = (keys: Iterable<string>): string =>
  Buffer.concat([...keys].map((key) => Buffer.from(key, "base64"))).toString("base64");

export function unpackKeys(text: string): string[] | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % KEY_BYTES !== 0) return undefined;
  return Array.from({ length: bytes.length / KEY_BYTES }, (_, at) =>
    bytes.toString("base64", at * KEY_BYTES, (at + 1) * KEY_BYTES),
  );
}
