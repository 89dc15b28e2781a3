/**
 * What can be wrong with the store, as a closed list. On SQLite: `read-only`: the file or its folder cannot be written.
 * `full`: no room on the disk. `corrupt`: not a database, or a damaged one. `busy`: another process holds it. `missing`: its
 * folder is not there. On PostgreSQL also: `unreachable`: no server answers. `login-refused`: user or password. `no-database`,
 * `old-server`, `no-permission`, `encoding`, `tls`, `connections`: what the sentences say. On both: `newer-schema`: a later
 * version of Lethe has written it. `upgrade-failed`: it could not be brought up to this version. `failed`: the disk answers with errors, or another reason.
 */
export type StoreErrorCode =
  | "read-only"
  | "full"
  | "corrupt"
  | "newer-schema"
  | "busy"
  | "missing"
  | "unreachable"
  | "login-refused"
  | "no-database"
  | "old-server"
  | "no-permission"
  | "encoding"
  | "tls"
  | "connections"
  | "upgrade-failed"
  | "failed";

/** The oldest PostgreSQL that will do: the first with privileges on single settings. */
export const POSTGRES_LEAST_MAJOR = 15;

const sentences: Record<StoreErrorCode, string> = {
  "read-only":
    "The database cannot be written: its folder or file is read-only, belongs to somebody else, or the server is a standby.",
  full: "The database cannot be written: the disk is full.",
  corrupt:
    "The database file is damaged, or is no database. Put back a backup, or move the file away to start anew.",
  "newer-schema": "The database was written by a newer version of Lethe. Start that version.",
  busy: "The database is in use by another process.",
  missing: "The database's folder does not exist.",
  unreachable:
    "The database server of store.url cannot be reached: it does not run, or its address or socket is another.",
  "login-refused":
    "The database server of store.url lets nobody in with this user and password: see them, and the server's pg_hba.conf.",
  "no-database": "The database named in store.url does not exist on its server: make it with createdb.",
  "old-server": `The database server of store.url is too old: PostgreSQL ${POSTGRES_LEAST_MAJOR} or newer is needed.`,
  "no-permission":
    "The database's user may not make or change the tables: make it the owner of the database in store.url.",
  encoding: "The database in store.url is not in UTF-8: make it with createdb --encoding=UTF8 -T template0.",
  tls: "No trusted TLS with the database server of store.url: see its certificate, sslrootcert and sslmode.",
  connections: "The database server of store.url has no connection left: raise its max_connections.",
  "upgrade-failed":
    "The database could not be brought up to this version of Lethe, and is as it was: start the former version again, or mend the cause and start this one.",
  failed: "The database could not be read or written.",
};

/** Carries a code and a sentence for the operator; never a value out of the store, nor the query that met it. */
export class StoreError extends Error {
  override name = "StoreError";
  readonly code: StoreErrorCode;

  /** `sqlState`: PostgreSQL's five characters, where the sentence alone says little. */
  constructor(code: StoreErrorCode, sqlState?: string) {
    super(sqlState === undefined ? sentences[code] : `${sentences[code]} (SQLSTATE ${sqlState})`);
    this.code = code;
  }
}

/** A step of the schema failed, or the copy that is made before it; the database is as it was. Says the cause where it is one of ours. */
export class UpgradeError extends StoreError {
  constructor(cause: unknown) {
    super("upgrade-failed");
    const known = toStoreError(cause);
    if (known instanceof StoreError) this.message += ` The cause: ${known.message}`;
  }
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html); the upper bits say more and are dropped. */
const SQLITE: Record<number, StoreErrorCode> = {
  3: "read-only", // SQLITE_PERM
  5: "busy", // SQLITE_BUSY
  6: "busy", // SQLITE_LOCKED
  8: "read-only", // SQLITE_READONLY
  10: "failed", // SQLITE_IOERR
  11: "corrupt", // SQLITE_CORRUPT
  13: "full", // SQLITE_FULL
  14: "read-only", // SQLITE_CANTOPEN: what is missing was told apart before
  26: "corrupt", // SQLITE_NOTADB
};

const ERRNO: Record<string, StoreErrorCode> = {
  EACCES: "read-only",
  EPERM: "read-only",
  EROFS: "read-only",
  ENOSPC: "full",
  EDQUOT: "full",
  ENOENT: "missing",
  ENOTDIR: "missing",
};

/** The StoreError that a failure of node:sqlite or the file system comes down to; other errors (bugs) as they are. */
export function toStoreError(error: unknown): unknown {
  if (error instanceof StoreError) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (code === "ERR_SQLITE_ERROR" && errcode !== undefined) {
    const known = SQLITE[errcode & 0xff];
    return known === undefined ? error : new StoreError(known);
  }
  const known = code === undefined ? undefined : ERRNO[code];
  return known === undefined ? error : new StoreError(known);
}
