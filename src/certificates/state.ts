import type { PairProblem } from "./pair.ts";

/**
 * Why a certificate could not be had. `unreachable`: nobody answers at the directory's address, or its own certificate is
 * not to be trusted; `challenge`: the authority did not get the answer on port 80 of a name; `name-refused`: it issues none
 * for that name; `account`: it refuses the account or the e-mail address; `rate-limited`; `directory`: it answers with
 * something else, an error of its own included; `unwritable`: the folder cannot be written.
 */
export type OrderProblem =
  | "unreachable"
  | "challenge"
  | "name-refused"
  | "account"
  | "rate-limited"
  | "directory"
  | "unwritable";

/** `unreadable`: the files that lethe.toml names cannot be read. */
export type CertificateProblem = PairProblem | OrderProblem | "unreadable";

/** How it stands with a public certificate; for `lethe status` and `lethe doctor`. */
export interface CertificateState {
  source: "files" | "acme";
  /** Of the one that is used; without it there is none yet. */
  notAfterMs?: number;
  /** What went wrong with the last one that was read or ordered; the one in use stays in use. */
  problem?: CertificateProblem;
}
