import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { fail, ok, type Result } from "../lib/result.ts";
import type { PairProblem } from "./state.ts";

/** A certificate with those that lead to its authority, leaf first, and its key; both PEM. */
export interface Pair {
  certificate: string;
  key: string;
}

/** A pair that a server can be given. */
export interface GoodPair extends Pair {
  notBeforeMs: number;
  notAfterMs: number;
}

/** Whether a server for `names` can go on with this pair at `nowMs`. */
export function checkPair(
  { certificate, key }: Pair,
  names: readonly string[],
  nowMs: number,
): Result<GoodPair, PairProblem> {
  try {
    const leaf = new X509Certificate(certificate);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return fail("key-mismatch");
    // What the server will do with it, the whole chain included.
    createSecureContext({ cert: certificate, key });
    const notAfterMs = Date.parse(leaf.validTo);
    if (notAfterMs <= nowMs) return fail("outdated");
    if (!names.every((name) => leaf.checkHost(name, { subject: "never" }) !== undefined))
      return fail("names");
    return ok({ certificate, key, notBeforeMs: Date.parse(leaf.validFrom), notAfterMs });
  } catch {
    return fail("malformed");
  }
}
