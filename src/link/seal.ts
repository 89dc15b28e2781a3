import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { CREDENTIALS } from "./credentials.ts";
import { NT_HASHES } from "./nt-hashes.ts";
import { BUCKET_COUNT, bucketOf, PackedTable, type TableShape } from "./packed-table.ts";
import { PEERS } from "./peers.ts";

/**
 * The roster as an exit keeps it over a restart of its own processes: on tmpfs, encrypted (AES-256-GCM) with a key that
 * root holds, and tied to this boot of the machine.
 *
 *   0   magic   8 bytes "LTHSEAL1", authenticated
 *   8   iv      12 bytes
 *   20  sealed  uint32 length, JSON of that length, then every row in rising order: credentials, NT hashes, peers
 *   -16 tag
 */
const MAGIC = Buffer.from("LTHSEAL1");
const IV_BYTES = 12;
const TAG_BYTES = 16;

export interface SealedRoster {
  /** Signed documents as they came; they are verified again when loaded. */
  header: Uint8Array;
  settings: Uint8Array | undefined;
  /** The exit's time, and the machine's uptime at that moment. */
  timeMs: number;
  uptimeMs: number;
  table: PackedTable;
  ntHashes: PackedTable | undefined;
  peers: { signed: Uint8Array; table: PackedTable } | undefined;
}

const metaSchema = z.object({
  boot: z.string(),
  header: z.base64(),
  settings: z.base64().nullable(),
  timeMs: z.number(),
  uptimeMs: z.number(),
  /** How many of the rows are NT hashes and peers; left out where there are none of them. */
  ntHashes: z.int().min(0).exactOptional(),
  peers: z.object({ signed: z.base64(), rows: z.int().min(0) }).exactOptional(),
});

/** Throws the file system's error where the file cannot be written. */
export function writeSealed(path: string, key: Uint8Array, roster: SealedRoster): void {
  const meta: z.infer<typeof metaSchema> = {
    boot: bootId(),
    header: Buffer.from(roster.header).toString("base64"),
    settings: roster.settings === undefined ? null : Buffer.from(roster.settings).toString("base64"),
    timeMs: roster.timeMs,
    uptimeMs: roster.uptimeMs,
    ...(roster.ntHashes && { ntHashes: roster.ntHashes.size }),
    ...(roster.peers && {
      peers: {
        signed: Buffer.from(roster.peers.signed).toString("base64"),
        rows: roster.peers.table.size,
      },
    }),
  };
  const json = Buffer.from(JSON.stringify(meta));
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(json.length);

  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(MAGIC);
  const tables = [roster.table, roster.ntHashes, roster.peers?.table].filter((table) => table !== undefined);
  const rowsBytes = tables.reduce((bytes, table) => bytes + table.size * table.rowBytes, 0);
  const out = Buffer.allocUnsafe(MAGIC.length + IV_BYTES + head.length + json.length + rowsBytes + TAG_BYTES);
  let at = 0;
  const put = (bytes: Uint8Array) => {
    out.set(bytes, at);
    at += bytes.length;
  };
  put(MAGIC);
  put(iv);
  put(cipher.update(head));
  put(cipher.update(json));
  for (const table of tables)
    for (let index = 0; index < BUCKET_COUNT; index++) put(cipher.update(table.bucket(index)));
  put(cipher.final());
  put(cipher.getAuthTag());
  writeFileAtomic(path, out);
}

/** Nothing where there is no such file, or where it is not whole, not ours or not of this boot: it is then removed. */
export function readSealed(path: string, key: Uint8Array): SealedRoster | undefined {
  try {
    return unseal(readFileSync(path), key);
  } catch {
    rmSync(path, { force: true });
    return undefined;
  }
}

function unseal(bytes: Buffer, key: Uint8Array): SealedRoster {
  const body = MAGIC.length + IV_BYTES;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("seal: not sealed");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(MAGIC.length, body), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(MAGIC);
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plain = Buffer.concat([
    decipher.update(bytes.subarray(body, bytes.length - TAG_BYTES)),
    decipher.final(),
  ]);
  const rowsAt = 4 + plain.readUInt32BE(0);
  const meta = metaSchema.parse(JSON.parse(plain.subarray(4, rowsAt).toString()));
  if (meta.boot !== bootId()) throw new Error("seal: another boot");
  const peersAt = plain.length - (meta.peers?.rows ?? 0) * PEERS.rowBytes;
  const ntHashesAt = peersAt - (meta.ntHashes ?? 0) * NT_HASHES.rowBytes;
  if (ntHashesAt < rowsAt) throw new Error("seal: rows");
  return {
    header: Buffer.from(meta.header, "base64"),
    settings: meta.settings === null ? undefined : Buffer.from(meta.settings, "base64"),
    timeMs: meta.timeMs,
    uptimeMs: meta.uptimeMs,
    table: readRows(CREDENTIALS, plain.subarray(rowsAt, ntHashesAt)),
    ntHashes:
      meta.ntHashes === undefined ? undefined : readRows(NT_HASHES, plain.subarray(ntHashesAt, peersAt)),
    peers: meta.peers && {
      signed: Buffer.from(meta.peers.signed, "base64"),
      table: readRows(PEERS, plain.subarray(peersAt)),
    },
  };
}

function readRows(shape: TableShape, rows: Uint8Array): PackedTable {
  const table = new PackedTable(shape);
  let start = 0;
  while (start < rows.length) {
    const index = bucketOf(rows.subarray(start));
    let end = start;
    while (end < rows.length && bucketOf(rows.subarray(end)) === index) end += shape.rowBytes;
    if (!table.replaceBucket(index, rows.slice(start, end))) throw new Error("seal: rows");
    start = end;
  }
  return table;
}

/** random(4), proc_sys_kernel(5): drawn anew at each boot. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}
