import { DatabaseError } from "pg";
import { StoreError, type StoreErrorCode } from "./errors.ts";

/** SQLSTATE, whole or its class of two characters (PostgreSQL, Appendix A "Error Codes"). */
const SQLSTATE: Record<string, StoreErrorCode> = {
  "08": "unreachable",
  "25006": "read-only", // a standby
  "28": "login-refused",
  "3D000": "no-database",
  "40001": "busy",
  "40P01": "busy", // a deadlock
  "42501": "no-permission",
  "53100": "full",
  "53300": "connections",
  "55P03": "busy", // lock_timeout
  "57P": "unreachable", // stopping, starting, or our session was ended
  "58030": "failed", // an I/O error
  XX001: "corrupt",
  XX002: "corrupt",
};

const UNREACHABLE = new Set([
  "EACCES",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTDIR",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
]);

/** What pg says without a code, in its own words (pg/lib/client.js, connection.js, crypto/sasl.js, pg-pool/index.js). */
const WORDS: readonly [RegExp, StoreErrorCode][] = [
  [/SSL|TLS|certificate/, "tls"],
  [/SASL|SCRAM|password/i, "login-refused"],
  [/^Connection terminated|connection error|^timeout exceeded|not queryable/, "unreachable"],
];

/**
 * The StoreError that a failure of pg comes down to. What the server itself says is never passed on: it quotes values.
 * Other errors (bugs on our side) as they are.
 */
export function toPostgresStoreError(error: unknown): unknown {
  if (error instanceof StoreError) return error;
  if (error instanceof DatabaseError) {
    const state = error.code ?? "";
    const known = SQLSTATE[state] ?? SQLSTATE[state.slice(0, 3)] ?? SQLSTATE[state.slice(0, 2)];
    return known === undefined ? new StoreError("failed", state) : new StoreError(known);
  }
  if (!(error instanceof Error)) return error;
  // Where a name has several addresses and none answers, Node gives all the failures at once.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const { code = "", message = "" } = first as NodeJS.ErrnoException;
  if (UNREACHABLE.has(code)) return new StoreError("unreachable");
  if (/^ERR_TLS|^ERR_SSL|CERT|UNABLE_TO_/.test(code)) return new StoreError("tls");
  const known = WORDS.find(([words]) => words.test(message))?.[1];
  return known === undefined ? error : new StoreError(known);
}
